"""Floor 3. AnnotatedOperation -> a gate and its controls."""

from typing import NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Operation,
    PowerModifier,
)
from qiskit.circuit.library import UnitaryGate, WeightedSumGate
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator

from qjax._qiskit.weighted_sum import weighted_sum


class ControlledBase(NamedTuple):
    """An operation under controls, which act where they are in the bits of `state`."""

    base: Operation
    num_controls: int
    state: int


def without_modifiers(operation: AnnotatedOperation) -> ControlledBase:
    """Apply inverses and powers to the base, and collect the controls.

    Control commutes with inverse and power, so the base takes those first. A power is what
    `Gate.power` says; with free parameters, an integer one is a repetition.

    Raises:
        ValueError: where the base has no inverse, or no such power.
    """
    base, num_controls, state = _as_gate(operation.base_op), 0, 0
    for modifier in operation.modifiers:
        if isinstance(modifier, InverseModifier):
            base = _inverse(base)
        elif isinstance(modifier, PowerModifier):
            base = _power(base, modifier.power)
        elif isinstance(modifier, ControlModifier):
            # A later modifier's control qubits come before an earlier one's.
            state = modifier.ctrl_state | state << modifier.num_ctrl_qubits
            num_controls += modifier.num_ctrl_qubits
        else:
            raise ValueError(
                f"the modifier {modifier} is unknown here; expected controls, inverse and power"
            )
    return ControlledBase(base, num_controls, state)


def _as_gate(base: Operation) -> Operation:
    """What has no `inverse` and `power` of its own, as a gate that has."""
    if isinstance(base, Clifford):
        return base.to_circuit().to_gate()
    if isinstance(base, WeightedSumGate):
        return weighted_sum(base).to_gate()
    return base


def _inverse(base: Operation) -> Operation:
    try:
        return base.inverse()
    except QiskitError as error:
        # Qiskit rebuilds what it inverts, which fails for some; and it leaves out bare matrices.
        if not isinstance(base, Gate):
            raise ValueError(f"it has no inverse ({error})") from error
    try:
        if base.definition is not None:
            return base.definition.inverse().to_gate()
        return UnitaryGate(base.to_matrix()).inverse()
    except (QiskitError, TypeError) as error:
        raise ValueError(f"it has no inverse, for it has no matrix ({error})") from error


def _power(base: Operation, exponent: float) -> Operation:
    try:
        if isinstance(base, (Gate, AnnotatedOperation)):
            return base.power(exponent)
        return UnitaryGate(Operator(base)).power(exponent)
    except (QiskitError, TypeError) as error:
        # Qiskit takes powers of matrices, which need numbers for the parameters.
        if not float(exponent).is_integer():
            raise ValueError(
                f"its power {exponent} needs a matrix of numbers; bind the parameters before the "
                "power is taken, or take an integer power"
            ) from error
    repeated = QuantumCircuit(base.num_qubits)
    factor = base if exponent > 0 else _inverse(base)
    for _ in range(abs(int(exponent))):
        repeated.append(factor, repeated.qubits)
    return repeated.to_instruction()
