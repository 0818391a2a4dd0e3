"""Quantum circuits and quantum neural networks as pure JAX functions.

The floors, each importing only from those below:

0  _gates, _expression, _circuit, _observable     what a circuit and an observable are
   _arrays, _memory, _errors, _protocol, _container, _streams
   _compilation_cache                             compiled programs that survive the process
1  _qiskit/                                       Qiskit <-> those data
2  _plan/                                         circuit -> execution plan (host, NumPy)
3  _simulators/                                   plan + parameters -> state
4  _measure                                       state -> expectations, probabilities, samples
5  _program                                       all of it: parameters -> what is read out
6  _primitive                                     the same, differentiated and batched by rules
7  _simulation                                    the pure functions of a circuit
8  _qnn/                                          neural networks: what users hold
9  _fisher                                        how far states move with their parameters
   _saved                                         networks as files that need no circuit
10 _evaluation                                    more samples than fit into memory
   optimizers                                     natural gradient for optax; not in this module
"""

from qjax._circuit import Circuit as Circuit
from qjax._compilation_cache import enable_compilation_cache as enable_compilation_cache
from qjax._errors import CircuitTooLargeError as CircuitTooLargeError
from qjax._errors import UnsupportedInstructionError as UnsupportedInstructionError
from qjax._evaluation import evaluate as evaluate
from qjax._fisher import quantum_fisher_information as quantum_fisher_information
from qjax._qiskit import from_qasm as from_qasm
from qjax._qiskit import from_qiskit as from_qiskit
from qjax._qiskit import to_qiskit as to_qiskit
from qjax._qnn import CircuitQNN as CircuitQNN
from qjax._qnn import ComposedOp as ComposedOp
from qjax._qnn import EstimatorQNN as EstimatorQNN
from qjax._qnn import NeuralNetwork as NeuralNetwork
from qjax._qnn import OpflowQNN as OpflowQNN
from qjax._qnn import SamplerQNN as SamplerQNN
from qjax._qnn import TwoLayerQNN as TwoLayerQNN
from qjax._saved import SavedNetwork as SavedNetwork
from qjax._saved import export as export
from qjax._saved import load as load
from qjax._simulation import apply_gate as apply_gate
from qjax._simulation import expectation as expectation
from qjax._simulation import plan as plan
from qjax._simulation import probabilities as probabilities
from qjax._simulation import sample as sample
from qjax._simulation import statevector as statevector
from qjax._simulation import unitary as unitary
