"""Floor 3. Qiskit's objects <-> ours: the only floor that knows its classes.

import_circuit       QuantumCircuit -> Circuit
site                 where an operation stands in the circuit that is imported
plain_gates          gates of its library on plain angles, which most are
gate_names           Qiskit's gate classes -> the names of ours
definitions          gates -> what they are made of
export               Circuit -> QuantumCircuit
qasm                 OpenQASM -> Circuit
expressions          ParameterExpression <-> Expression
complex_expressions  expressions of amplitudes: real and imaginary parts
classical            classical expressions
control_flow         control-flow operations
nested_ifs           deeply nested ifs, one after the other
annotated            gates with modifiers
evolution            exp(-i t H)
weighted_sum         the gate that Qiskit leaves to its transpiler
state_preparation    instructions whose amplitudes are parameters
observables          observables of every kind
sparse_terms         observables of a few among many qubits
arguments            what a caller hands in for a circuit
primitive_checks     whether something is a primitive or a pass manager
sources              rows of angles -> values from a primitive
distribution         what samplers return
backend_targets      what a backend runs by itself
"""

from qjax._qiskit.arguments import ParameterValues as ParameterValues
from qjax._qiskit.arguments import as_observables as as_observables
from qjax._qiskit.arguments import as_parameters as as_parameters
from qjax._qiskit.arguments import vectors_among as vectors_among
from qjax._qiskit.backend_targets import check_target as check_target
from qjax._qiskit.distribution import Distribution as Distribution
from qjax._qiskit.distribution import DistributionResult as DistributionResult
from qjax._qiskit.export import as_qiskit as as_qiskit
from qjax._qiskit.export import to_qiskit as to_qiskit
from qjax._qiskit.import_circuit import as_circuit as as_circuit
from qjax._qiskit.import_circuit import from_qiskit as from_qiskit
from qjax._qiskit.observables import as_observable as as_observable
from qjax._qiskit.observables import with_observables as with_observables
from qjax._qiskit.primitive_checks import check_estimator as check_estimator
from qjax._qiskit.primitive_checks import check_pass_manager as check_pass_manager
from qjax._qiskit.primitive_checks import check_sampler as check_sampler
from qjax._qiskit.qasm import from_qasm as from_qasm
from qjax._qiskit.sources import EstimatorSource as EstimatorSource
from qjax._qiskit.sources import Held as Held
from qjax._qiskit.sources import SamplerSource as SamplerSource
from qjax._qiskit.sources import Source as Source
from qjax._qiskit.sparse_terms import is_sparse as is_sparse
from qjax._qiskit.sparse_terms import labelled as labelled
from qjax._qiskit.sparse_terms import several as several
from qjax._qiskit.state_preparation import AmplitudeEncoding as AmplitudeEncoding
