"""Quantum circuits and quantum neural networks as pure JAX functions.

- Circuits: `from_qiskit`, `from_qasm`, `to_qiskit`; `Circuit` is what they make. Functions of
  circuits take Qiskit's as they are. `AmplitudeEncoding` stands in those. `qjax.operations`: what
  a `Circuit` is made of, to write one down without Qiskit.
- Simulation: `statevector`, `unitary`, `probabilities`, `expectation`, `sample`, `apply_gate`,
  `quantum_fisher_information`; `plan` tells what would run, as a `Plan`, `engine` on what, as
  `qjax.simulators` chooses, and `resources` what it would take, as `Resources`, in times that
  `python -m qjax.calibrate` measures. `trajectories` and `estimate` run circuits that measure more
  midway than exact results can follow. `StateSharding`: several devices hold a state.
- Neural networks: `EstimatorQNN`, `SamplerQNN`, and `TwoLayerQNN`, `OpflowQNN`, `CircuitQNN`,
  `ComposedOp` of older tutorials. `evaluate` runs one on any number of samples; `Network` is what
  it, saving and torch need of one. `qjax.gradients`: how one on a primitive is differentiated, for
  which it sends as many circuits as its `CircuitCount` says.
- Saving: `enable_compilation_cache`, `export`, `load`.
- Learning: `qjax.kernels`: Gram matrices. `qjax.algorithms`: scikit-learn's estimators.
  `qjax.training`: training loops as compiled programs, which `qjax.optimizers`, such as the natural
  gradient, and optax's step. `qjax.diagnostics`: what circuits can express, and whether they train.
- `qjax.primitives`: Qiskit's Estimator and Sampler. It and those of learning are imported when they
  are first asked for. `bridge`: the way to PyTorch.

The floors of the code, each importing only from those below; each package lists its modules:

0  _base                             numbers, memory, devices, files, and what JAX lacks
   gradients                         how networks on primitives are differentiated: frozen choices
1  _expressions                      real functions of parameters, many at once
2  _circuit                          circuits and observables as data
3  operations                        what circuits are made of, for those who write them down
   _dynamic                          dynamic circuit -> one of gates and final measurements
   _qiskit                           Qiskit's objects <-> ours
   _plan                             circuit -> plan, on the host, in NumPy
   _noise                            channels, and circuits with those in their places
4  _simulators                       plan, parameters -> state
5  simulators, noise                 what `simulator=` and `noise=` take, in public
   _readout                          state -> probabilities, samples, expectation values
6  _engine                           circuit, parameters -> all of it, compiled and batched
7  _simulation, _sampling, _fisher   the pure functions of a circuit
   _estimation, _planning            means with their errors; what would run
   _resources                        what that would take, on paper
   _gate_application                 for simulators of one's own
   _remote                           networks on Qiskit's primitives
   mitigation                        noisy values -> estimates of those without noise
8  _networks                         neural networks: what users hold, and their files
   calibrate                         how fast this machine is, measured: a command
9  training, optimizers              loss -> trained weights; gradient -> step, for optax
   diagnostics                       what a circuit or network can express and learn
   primitives                        Qiskit's Estimator and Sampler
10 kernels                           circuit, data -> Gram matrices
11 algorithms                        networks and kernels as estimators of scikit-learn's
"""

from typing import TYPE_CHECKING

from qjax._base import name_hints
from qjax._base.compilation_cache import enable_compilation_cache
from qjax._base.errors import CircuitTooLargeError, NoExactFormError, UnsupportedInstructionError
from qjax._circuit.circuit import Circuit
from qjax._estimation import Estimate, estimate
from qjax._fisher import quantum_fisher_information
from qjax._gate_application import apply_gate
from qjax._networks import (
    CircuitQNN,
    ComposedOp,
    EstimatorQNN,
    Network,
    NeuralNetwork,
    OpflowQNN,
    SamplerQNN,
    SavedNetwork,
    TwoLayerQNN,
    evaluate,
    export,
    load,
)
from qjax._plan import Plan
from qjax._planning import plan
from qjax._qiskit import AmplitudeEncoding, from_qasm, from_qiskit, to_qiskit
from qjax._remote import CircuitCount
from qjax._resources import Resources, resources
from qjax._sampling import Trajectories, sample, trajectories
from qjax._simulation import density_matrix, expectation, probabilities, statevector, unitary
from qjax._simulators import StateSharding, engine
from qjax._version import __version__

if TYPE_CHECKING:
    from qjax import algorithms as algorithms
    from qjax import calibrate as calibrate
    from qjax import diagnostics as diagnostics
    from qjax import gradients as gradients
    from qjax import kernels as kernels
    from qjax import mitigation as mitigation
    from qjax import noise as noise
    from qjax import operations as operations
    from qjax import optimizers as optimizers
    from qjax import primitives as primitives
    from qjax import simulators as simulators
    from qjax import training as training
else:
    # Where a type checker looks, it would accept every name.
    __getattr__ = name_hints.find

    def __dir__() -> list[str]:
        return sorted({*globals(), *name_hints.LAZY})


__all__ = [
    "AmplitudeEncoding",
    "Circuit",
    "CircuitCount",
    "CircuitQNN",
    "CircuitTooLargeError",
    "ComposedOp",
    "Estimate",
    "EstimatorQNN",
    "Network",
    "NeuralNetwork",
    "NoExactFormError",
    "OpflowQNN",
    "Plan",
    "Resources",
    "SamplerQNN",
    "SavedNetwork",
    "StateSharding",
    "Trajectories",
    "TwoLayerQNN",
    "UnsupportedInstructionError",
    "__version__",
    "apply_gate",
    "density_matrix",
    "enable_compilation_cache",
    "engine",
    "estimate",
    "evaluate",
    "expectation",
    "export",
    "from_qasm",
    "from_qiskit",
    "load",
    "plan",
    "probabilities",
    "quantum_fisher_information",
    "resources",
    "sample",
    "statevector",
    "to_qiskit",
    "trajectories",
    "unitary",
]
