"""Floor 1. Qiskit objects <-> qjax data: the only floor that knows Qiskit's classes.

_expressions   ParameterExpression <-> Expression
_complex       complex ParameterExpression -> real and imaginary part
_state_preparation   amplitudes that are parameters <-> Amplitudes
_evolution     exp(-i t H) -> gates
_import        QuantumCircuit -> Circuit
_qasm          OpenQASM -> Circuit
_export        Circuit -> QuantumCircuit
_distribution  what samplers return: exact probabilities, and states of shots
_sources       rows of angles -> values from a primitive
_targets       what a backend runs by itself
_observables   Pauli, SparsePauliOp, Operator, ... -> Observable
_sparse_terms  ("XX", [0, 2], 0.5) -> full labels
_arguments     what a caller hands in -> parameters and observables of a circuit
_classical     classical expressions <-> ClassicalExpression
_control_flow  control-flow operations -> Switch, For, While, ...
_nested        ifs inside of ifs, flat beyond some depth
"""

from qjax._qiskit._arguments import ParameterValues as ParameterValues
from qjax._qiskit._arguments import as_observables as as_observables
from qjax._qiskit._arguments import as_parameters as as_parameters
from qjax._qiskit._arguments import vectors_among as vectors_among
from qjax._qiskit._distribution import Distribution as Distribution
from qjax._qiskit._distribution import DistributionResult as DistributionResult
from qjax._qiskit._export import to_qiskit as to_qiskit
from qjax._qiskit._import import as_circuit as as_circuit
from qjax._qiskit._import import from_qiskit as from_qiskit
from qjax._qiskit._observables import as_observable as as_observable
from qjax._qiskit._observables import with_observables as with_observables
from qjax._qiskit._qasm import from_qasm as from_qasm
from qjax._qiskit._sources import EstimatorSource as EstimatorSource
from qjax._qiskit._sources import Held as Held
from qjax._qiskit._sources import SamplerSource as SamplerSource
from qjax._qiskit._sources import Source as Source
from qjax._qiskit._sources import check_estimator as check_estimator
from qjax._qiskit._sources import check_pass_manager as check_pass_manager
from qjax._qiskit._sources import check_sampler as check_sampler
from qjax._qiskit._sparse_terms import is_sparse as is_sparse
from qjax._qiskit._sparse_terms import labelled as labelled
from qjax._qiskit._sparse_terms import several as several
from qjax._qiskit._state_preparation import AmplitudeEncoding as AmplitudeEncoding
from qjax._qiskit._targets import check_target as check_target
