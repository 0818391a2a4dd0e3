"""Floor 0. Names that one looks for in `qjax` -> modules imported when asked for, or hints."""

import importlib
import sys
from types import ModuleType
from typing import NoReturn

LAZY = (
    "algorithms",
    "calibrate",
    "diagnostics",
    "gradients",
    "kernels",
    "mitigation",
    "noise",
    "operations",
    "optimizers",
    "primitives",
    "simulators",
    "training",
)
"""Modules that are public, and that `import qjax` leaves out."""

_LEARNING = "qiskit_machine_learning"
_ESTIMATOR = "from qjax.algorithms import {0}"
_TRAINER = f"from {_LEARNING}.algorithms import {{0}}; it takes networks of qjax as they are"
_SAMPLER = "qjax.primitives.Sampler(default_shots=None)"
_KERNEL = "from qjax.kernels import FidelityKernel; it takes the circuit first"
_TRAINABLE = f"{_KERNEL}, and its trained parameters as weight_params"
_SUPPORT_VECTORS = (
    f"from {_LEARNING}.algorithms import {{0}}, with quantum_kernel=qjax.kernels.FidelityKernel("
    "circuit)"
)
_PRIMITIVE = "from qjax.primitives import {1}"
_GRADIENT = "networks have exact gradients; leave gradient= out, or on a primitive give {1}"
_QISKIT = "from qiskit.circuit{1} import {0}; networks and functions of qjax take Qiskit's circuits"
_BRIDGE = "from bridge import {0}"
_DIAGNOSTIC = "from qjax.diagnostics import {1}, a function; theirs takes networks of qjax too"
_OPTIMIZERS = "from qjax.optimizers import {1}"
_OPERATIONS = "from qjax.operations import {0}"
_NOISE = "from qjax.noise import {0}"
_OPFLOW = "opflow's place is taken by qjax.ComposedOp(observable, circuit) and Qiskit's observables"
_OPTIMIZER = (
    f"from {_LEARNING}.optimizers import {{0}}, or an optimizer of optax or torch; networks "
    "differentiate in JAX and torch"
)
_AS_IT_IS = f"from {_LEARNING}.{{1}} import {{0}}; it does not depend on what simulates"
_LOSS = (
    f"from {_LEARNING}.utils.loss_functions import {{0}}, for its trainers; in JAX and torch a "
    "loss is a function of the outputs, such as optax.losses and torch.nn have"
)
_FEATURES = (
    "qjax.AmplitudeEncoding(num_qubits) stands in a QuantumCircuit; {0} of theirs is taken too"
)

# Names of Qiskit Machine Learning, Qiskit and our own other packages, and the way for each: {0} is
# the name, {1} what follows the bar after it.
_WAYS = {
    "NeuralNetworkClassifier NeuralNetworkRegressor VQC VQR QSVC QSVR fit_grid": _ESTIMATOR,
    "PegasosQSVC": _SUPPORT_VECTORS,
    "FidelityQuantumKernel FidelityStatevectorKernel QuantumKernel": _KERNEL,
    "TrainableFidelityQuantumKernel TrainableFidelityStatevectorKernel": _TRAINABLE,
    "FidelityKernel ProjectedKernel": "from qjax.kernels import {0}",
    "ComputeUncompute": f"from {_LEARNING}.state_fidelities import {{0}}, with {_SAMPLER}",
    "QBayesian": f"from {_LEARNING}.algorithms import {{0}}, with sampler={_SAMPLER}",
    "EffectiveDimension|effective_dimension": _DIAGNOSTIC,
    "LocalEffectiveDimension|local_effective_dimension": _DIAGNOSTIC,
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
    "natural_gradient spsa qn_spsa rotosolve nft": "from qjax.optimizers import {0}",
    "QNSPSA|qn_spsa": _OPTIMIZERS,
    "NFT|nft": _OPTIMIZERS,
    "SPSA": "from qjax.gradients import {0}, for gradients of networks; the optimizer is "
    "qjax.optimizers.spsa",
    "ParameterShift": "from qjax.gradients import {0}",
    "QuantumCircuit": "from qiskit import {0}; functions and networks take it as it is",
    "Parameter ParameterVector|": _QISKIT,
    "ZZFeatureMap ZFeatureMap PauliFeatureMap RealAmplitudes|.library": _QISKIT,
    "EfficientSU2 TwoLocal NLocal|.library": _QISKIT,
    "zz_feature_map z_feature_map real_amplitudes efficient_su2 n_local|.library": _QISKIT,
    "RawFeatureVector raw_feature_vector": _FEATURES,
    "qnn_circuit QNNCircuit": f"from {_LEARNING}.circuit.library import qnn_circuit, or "
    "feature_map.compose(ansatz)",
    "StateFn CircuitStateFn OperatorStateFn PauliSumOp": _OPFLOW,
    "PauliExpectation AerPauliExpectation MatrixExpectation Gradient CircuitSampler": _OPFLOW,
    "I X Y Z": _OPFLOW,
    "ADAM AQGD CG COBYLA CRS DIRECT_L DIRECT_L_RAND ESCH GSLS GradientDescent ISRES": _OPTIMIZER,
    "GradientDescentState L_BFGS_B NELDER_MEAD POWELL P_BFGS SBPLX SLSQP": _OPTIMIZER,
    "TNC UMDA SciPyOptimizer Optimizer SteppableOptimizer OptimizerState": _OPTIMIZER,
    "OptimizerResult OptimizerSupportLevel Minimizer AskData TellData": _OPTIMIZER,
    "LearningRate|optimizers.optimizer_utils": _AS_IT_IS,
    "Loss KernelLoss L1Loss L2Loss CrossEntropyLoss": _LOSS,
    "SVCLoss SVRLoss MSRLoss MARLoss HuberLoss": _LOSS,
    "CrossEntropySigmoidLoss": "a loss is a function of the outputs, in JAX and torch, such as "
    "optax.sigmoid_binary_cross_entropy",
    "TrainableModel ObjectiveFunction BinaryObjectiveFunction": _TRAINER,
    "MultiClassObjectiveFunction OneHotObjectiveFunction": _TRAINER,
    "SerializableModelMixin|algorithms": f"{_AS_IT_IS}; networks are saved by qjax.export",
    "QuantumKernelTrainer QuantumKernelTrainerResult|kernels.algorithms": f"from {_LEARNING}.{{1}} "
    "import {0}, which takes kernels of qjax.kernels; qjax.kernels.train(kernel, x, labels) "
    "follows exact gradients",
    "BaseKernel TrainableKernel|kernels": f"{_AS_IT_IS}; kernels of qjax.kernels are such",
    "BaseStateFidelity StateFidelityResult|state_fidelities": _AS_IT_IS,
    "BaseEstimatorGradient EstimatorGradientResult|'parameter_shift'": _GRADIENT,
    "BaseSamplerGradient SamplerGradientResult|'parameter_shift'": _GRADIENT,
    "DerivativeType|'parameter_shift'": _GRADIENT,
    "ad_hoc_data entanglement_concentration_data phase_of_matter_data|datasets": _AS_IT_IS,
    "derive_num_qubits_feature_map_ansatz circuit_cache_key|utils": _AS_IT_IS,
    "validate_initial_point validate_bounds|utils": _AS_IT_IS,
    "VQE SamplingVQE QAOA": "minimise qjax.expectation(circuit, observable, params), which "
    "differentiates in JAX, or give {0} of qiskit_algorithms a primitive of qjax.primitives",
    "Gate Control Matrix Measure Reset Amplitudes Register gate matrix_gate": _OPERATIONS,
    "Switch Case For While Break Continue Store Declaration": _OPERATIONS,
    "Expression parameter constant": _OPERATIONS,
    "Channel NoiseModel from_aer from_backend depolarizing pauli kraus coherent": _NOISE,
    "bit_flip phase_flip amplitude_damping phase_damping thermal_relaxation": _NOISE,
    "phase_amplitude_damping mixed_unitary": _NOISE,
    "DensityMatrix StateVector": "from qjax.simulators import {0}",
    "zero_noise_extrapolation calibration_matrix fold": "from qjax.mitigation import {0}",
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
