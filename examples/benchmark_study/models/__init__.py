"""The models of the study, by name.

gradient_model    what models have in common that are trained by gradients
reuploading       DataReuploading
dressed           DressedCircuit
circuit_centric   CircuitCentric
iqp               IQPVariational, IQPKernel
metric_learner    QuantumMetricLearner
tree_tensor       TreeTensor
separable         SeparableVariational, SeparableKernel
projected_kernel  ProjectedKernel
layers            pieces of circuits that several share
"""

from collections.abc import Callable

from benchmark_study.models.circuit_centric import CircuitCentric
from benchmark_study.models.dressed import DressedCircuit
from benchmark_study.models.gradient_model import GradientModel
from benchmark_study.models.iqp import IQPKernel, IQPVariational
from benchmark_study.models.kernel_model import KernelModel
from benchmark_study.models.metric_learner import QuantumMetricLearner
from benchmark_study.models.projected_kernel import ProjectedKernel
from benchmark_study.models.reuploading import DataReuploading
from benchmark_study.models.separable import SeparableKernel, SeparableVariational
from benchmark_study.models.tree_tensor import TreeTensor

GRADIENT_MODELS: dict[str, Callable[..., GradientModel]] = {
    model.__name__: model
    for model in (
        DataReuploading,
        DressedCircuit,
        CircuitCentric,
        IQPVariational,
        QuantumMetricLearner,
        TreeTensor,
        SeparableVariational,
    )
}
KERNEL_MODELS: dict[str, Callable[..., KernelModel]] = {
    model.__name__: model for model in (IQPKernel, ProjectedKernel, SeparableKernel)
}
CLASSICAL_MODELS = ("MLP", "SVC")
MODELS = (*GRADIENT_MODELS, *KERNEL_MODELS, *CLASSICAL_MODELS)

__all__ = [
    "CLASSICAL_MODELS",
    "GRADIENT_MODELS",
    "KERNEL_MODELS",
    "MODELS",
    "GradientModel",
    "KernelModel",
]
