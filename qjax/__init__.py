"""Quantum circuits and quantum neural networks as pure JAX functions.

- Circuits: `from_qiskit`, `from_qasm`, `to_qiskit`; `Circuit` is what they make. Functions of
  circuits take Qiskit's as they are. `AmplitudeEncoding` stands in those.
- Simulation: `statevector`, `unitary`, `probabilities`, `expectation`, `sample`, `apply_gate`,
  `quantum_fisher_information`; `plan` tells what would run. `trajectories` and `estimate` run
  circuits that measure more midway than exact results can follow.
- Neural networks: `EstimatorQNN`, `SamplerQNN`, and `TwoLayerQNN`, `OpflowQNN`, `CircuitQNN`,
  `ComposedOp` of older tutorials. `evaluate` runs one on any number of samples. `qjax.gradients`:
  how one on a primitive is differentiated.
- Saving: `enable_compilation_cache`, `export`, `load`.
- `qjax.optimizers`: natural gradient for optax. `qjax.primitives`: Qiskit's Estimator and Sampler.
  Both are imported when they are first asked for. `bridge`: the way to PyTorch.

The floors of the code, each importing only from those below:

0  _gates, _expression, _circuit, _observable     what a circuit and an observable are
   _expression_graph                              long expressions, each part once
   _domain, _near                                 where expressions have values, and slopes
   _reach, _known                                 what some qubits depend on, and hold for sure
   _shift_rules, _free_angles, gradients          how expectation values depend on angles
   _host_call, _blurred                          what runs outside of JAX
   _classical, _control_flow                      what a dynamic circuit holds beside gates
   _decisions, _branches, _deferred, _measurements  dynamic circuit -> one without control flow
   _arrays, _options, _memory, _mesh, _errors, _protocol, _container, _header, _exported, _files,
   _streams
   _weights, _weights_json                        pytree of weights <-> one vector
   _store                                         what is kept between calls, bounded by bytes
   _process                                       no child forked after JAX ran
   _compilation_cache                             compiled programs that survive the process
   _calls, _elsewhere, _version                   arguments and names that are looked for here
1  _qiskit/                                       Qiskit <-> those data
2  _plan/                                         circuit -> execution plan (host, NumPy)
3  _simulators/                                   plan + parameters -> state
4  _measure                                       state -> probabilities, samples
   _means                                         values of many runs -> means, errors
   _signs, _strings, _reading, _expectations      state -> expectations of observables
   _views                                         which observables share a state
   _trajectories                                  dynamic circuit -> runs with drawn outcomes
5  _task                                          what is asked of a circuit
   _executor, _stacks, _program                   all of it: parameters -> what is read out
   _columns                                       how many directions fit into memory at once
6  _derivatives, _batching, _primitive            the same, differentiated and batched by rules
7  _simulation, _sampling                         the pure functions of a circuit
8  _qnn/                                          neural networks: what users hold
9  _fisher                                        how far states move with their parameters
   _saved, _saved_network                         networks as files that need no circuit
10 _evaluation                                    more samples than fit into memory
   optimizers                                     natural gradient for optax; not in this module
11 primitives                                     Qiskit's Estimator and Sampler; not in this module
"""

from typing import TYPE_CHECKING

from qjax import _elsewhere
from qjax._circuit import Circuit
from qjax._compilation_cache import enable_compilation_cache
from qjax._errors import CircuitTooLargeError, NoExactFormError, UnsupportedInstructionError
from qjax._evaluation import evaluate
from qjax._fisher import quantum_fisher_information
from qjax._qiskit import AmplitudeEncoding, from_qasm, from_qiskit, to_qiskit
from qjax._qnn import (
    CircuitQNN,
    ComposedOp,
    EstimatorQNN,
    NeuralNetwork,
    OpflowQNN,
    SamplerQNN,
    TwoLayerQNN,
)
from qjax._sampling import Estimate, Trajectories, estimate, sample, trajectories
from qjax._saved import export, load
from qjax._saved_network import SavedNetwork
from qjax._simulation import (
    apply_gate,
    expectation,
    plan,
    probabilities,
    statevector,
    unitary,
)
from qjax._version import __version__

if TYPE_CHECKING:
    from qjax import gradients as gradients
    from qjax import optimizers as optimizers
    from qjax import primitives as primitives
else:
    # Where a type checker looks, it would accept every name.
    __getattr__ = _elsewhere.find

    def __dir__() -> list[str]:
        return sorted({*globals(), *_elsewhere.LAZY})


__all__ = [
    "AmplitudeEncoding",
    "Circuit",
    "CircuitQNN",
    "CircuitTooLargeError",
    "ComposedOp",
    "Estimate",
    "EstimatorQNN",
    "NeuralNetwork",
    "NoExactFormError",
    "OpflowQNN",
    "SamplerQNN",
    "SavedNetwork",
    "Trajectories",
    "TwoLayerQNN",
    "UnsupportedInstructionError",
    "__version__",
    "apply_gate",
    "enable_compilation_cache",
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
    "sample",
    "statevector",
    "to_qiskit",
    "trajectories",
    "unitary",
]
