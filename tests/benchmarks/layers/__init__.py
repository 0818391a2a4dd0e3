"""The torch layers of the peers, one module each: what a hybrid model would hold.

A module of this package offers `layer`: a `torch.nn.Module` with the given weights, from inputs
`(batch, num_inputs)` to <Z_q>, `(batch, num_qubits)`. They are apart from `peers` so that torch is
not part of the processes measured there.
"""

LAYERS = ("qjax", "tensorcircuit", "pennylane", "deepquantum", "qiskit_ml")
"""Modules, each called as its peer."""
