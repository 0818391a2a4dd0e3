"""Floor 0. Names that one looks for in `qjax` -> modules imported when asked for, or hints."""

import importlib
import sys
from types import ModuleType
from typing import NoReturn

LAZY = ("gradients", "optimizers", "primitives")
"""Modules that are public, and that `import qjax` leaves out."""

_LEARNING = "qiskit_machine_learning"
_TRAINER = f"from {_LEARNING}.algorithms import {{0}}; it takes networks of qjax as they are"
_SAMPLER = "qjax.primitives.Sampler(default_shots=None)"
_KERNEL = (
    f"from {_LEARNING}.algorithms import {{0}}, with a quantum_kernel=FidelityQuantumKernel("
    f"fidelity=ComputeUncompute({_SAMPLER}))"
)
_FIDELITY = f"from {_LEARNING}.kernels import {{0}}, with fidelity=ComputeUncompute({_SAMPLER})"
_PLAIN_KERNEL = f"from {_LEARNING}.kernels import {{0}}; it simulates by itself"
_PRIMITIVE = "from qjax.primitives import {1}"
_GRADIENT = "networks have exact gradients; leave gradient= out, or on a primitive give {1}"
_QISKIT = "from qiskit.circuit{1} import {0}; networks and functions of qjax take Qiskit's circuits"
_BRIDGE = "from bridge import {0}"
_OPFLOW = "opflow's place is taken by qjax.ComposedOp(observable, circuit) and Qiskit's observables"
_OPTIMIZER = (
    f"from {_LEARNING}.optimizers import {{0}}, or an optimizer of optax or torch; networks "
    "differentiate in JAX and torch"
)
_FEATURES = (
    "qjax.AmplitudeEncoding(num_qubits) stands in a QuantumCircuit; {0} of theirs is taken too"
)

# Names of Qiskit Machine Learning, Qiskit and our own other packages, and the way for each: {0} is
# the name, {1} what follows the bar after it.
_WAYS = {
    "NeuralNetworkClassifier NeuralNetworkRegressor": _TRAINER,
    "VQC": f"from {_LEARNING}.algorithms import {{0}}, with sampler={_SAMPLER}",
    "VQR": f"from {_LEARNING}.algorithms import {{0}}, with estimator=qjax.primitives.Estimator("
    "exact=True)",
    "QSVC QSVR PegasosQSVC": _KERNEL,
    "FidelityQuantumKernel TrainableFidelityQuantumKernel": _FIDELITY,
    "FidelityStatevectorKernel TrainableFidelityStatevectorKernel": _PLAIN_KERNEL,
    "ComputeUncompute": f"from {_LEARNING}.state_fidelities import {{0}}, with {_SAMPLER}",
    "QBayesian": f"from {_LEARNING}.algorithms import {{0}}, with sampler={_SAMPLER}",
    "EffectiveDimension LocalEffectiveDimension": f"from {_LEARNING}.neural_networks import {{0}}; "
    "it takes networks of qjax as they are",
    "algorithm_globals": "there is no global seed: JAX's keys (qnn.init(key), qjax.sample(..., "
    "key)), torch.manual_seed and the seed= of primitives decide",
    "QuantumInstance": "leave quantum_instance out, as simulation is exact; for shots or a machine "
    "give a network estimator= or sampler=, one of Qiskit's primitives",
    "Sampler StatevectorSampler BackendSampler|Sampler": _PRIMITIVE,
    "Estimator StatevectorEstimator BackendEstimator|Estimator": _PRIMITIVE,
    "QMLSampler|Sampler": f"{_PRIMITIVE}; for exact probabilities Sampler(default_shots=None)",
    "QMLEstimator|Estimator": f"{_PRIMITIVE}; values are exact",
    "BackendSamplerV2 BackendEstimatorV2": "from qiskit.primitives import {0}; networks take it as "
    "sampler= or estimator=",
    "ParamShiftEstimatorGradient ParamShiftSamplerGradient|'parameter_shift'": _GRADIENT,
    "LinCombEstimatorGradient LinCombSamplerGradient|'parameter_shift'": _GRADIENT,
    "SPSAEstimatorGradient SPSASamplerGradient|qjax.gradients.SPSA(...)": _GRADIENT,
    "QFI LinCombQGT": "qjax.quantum_fisher_information(circuit, params)",
    "natural_gradient": "from qjax.optimizers import {0}",
    "SPSA ParameterShift": "from qjax.gradients import {0}",
    "QuantumCircuit": "from qiskit import {0}; functions and networks take it as it is",
    "Parameter ParameterVector|": _QISKIT,
    "ZZFeatureMap ZFeatureMap PauliFeatureMap RealAmplitudes|.library": _QISKIT,
    "EfficientSU2 TwoLocal NLocal|.library": _QISKIT,
    "zz_feature_map z_feature_map real_amplitudes efficient_su2 n_local|.library": _QISKIT,
    "RawFeatureVector raw_feature_vector": _FEATURES,
    "qnn_circuit QNNCircuit": f"from {_LEARNING}.circuit.library import qnn_circuit, or "
    "feature_map.compose(ansatz)",
    "StateFn CircuitStateFn OperatorStateFn PauliSumOp": _OPFLOW,
    "PauliExpectation AerPauliExpectation Gradient": _OPFLOW,
    "ADAM COBYLA L_BFGS_B GradientDescent SLSQP NELDER_MEAD QNSPSA": _OPTIMIZER,
    "TorchConnector jax2torch torch2jax to_jax to_torch": _BRIDGE,
}


def find(name: str) -> ModuleType:
    """The module of that name, imported now.

    Raises:
        AttributeError: where there is none; says where else to look.
    """
    if name in LAZY:
        try:
            return importlib.import_module(f"qjax.{name}")
        except ImportError as error:
            # As of any attribute that is not there, for `hasattr` and what lists a module.
            raise AttributeError(str(error), name=name) from error
    raise AttributeError(
        f"module 'qjax' has no attribute {name!r}{_way(name)}", name=name, obj=sys.modules["qjax"]
    )


def find_primitive(name: str) -> NoReturn:
    """What there is not in `qjax.primitives`.

    Raises:
        AttributeError: always; says where to look.
    """
    raise AttributeError(
        f"module 'qjax.primitives' has no attribute {name!r}{_way(name)}",
        name=name,
        obj=sys.modules["qjax.primitives"],
    )


def _way(name: str) -> str:
    for names, way in _WAYS.items():
        listed, _, detail = names.partition("|")
        if name in listed.split():
            return ": " + way.format(name, detail)
    return ""
