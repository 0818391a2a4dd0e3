"""Floor 3. Dynamic circuit -> a circuit of gates and final measurements, exactly.

deferral          the walk through the circuit
branches          all outcomes, as branches of one state
steps             what an operation does to the branches
classical_values  classical expressions in all branches -> decisions
decisions         values that depend on outcomes, as decision diagrams
known_qubits      what is known of qubits, so that gates do less
"""

from qjax._dynamic.deferral import deferred as deferred
from qjax._dynamic.deferral import num_records as num_records
