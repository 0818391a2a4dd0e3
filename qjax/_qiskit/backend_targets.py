"""Floor 3. What a backend runs by itself, and what it leaves to a pass manager."""

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2

# Of any circuit: what a backend takes without listing it, or what its primitive adds.
_ANYWHERE = frozenset({"barrier", "measure"})


def check_target(primitive: object, circuit: QuantumCircuit, transpiled: bool) -> None:
    """Require gates that the backend of a primitive has, where both tell.

    Args:
        primitive: an estimator or sampler; only one with an attribute `backend` tells.
        circuit: what it gets.
        transpiled: whether a pass manager made it.

    Raises:
        ValueError: for other gates, or more qubits.
    """
    backend = getattr(primitive, "backend", None)
    if not isinstance(backend, BackendV2) or backend.target is None:
        return
    target, name = backend.target, f"the backend {backend.name or type(backend).__name__!r}"
    remedy = (
        "pass_manager: it was made for another backend; expected "
        if transpiled
        else "Give the network one that writes the circuit for it: pass_manager="
    ) + "qiskit.transpiler.generate_preset_pass_manager(1, backend)"
    used = {instruction.operation.name for instruction in circuit.data}
    if missing := sorted(used - set(target.operation_names) - _ANYWHERE):
        raise ValueError(f"{name} does not run the gates {', '.join(missing)}. {remedy}")
    if target.num_qubits is not None and circuit.num_qubits > target.num_qubits:
        raise ValueError(
            f"{name} has {target.num_qubits} qubits, expected at least the circuit's "
            f"{circuit.num_qubits}"
        )
