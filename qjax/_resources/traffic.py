"""Floor 7. Bytes that devices exchange which hold parts of a state."""

from qjax._circuit.circuit import Circuit
from qjax._plan import Wanted, plan_sharded
from qjax._resources.subject import Subject

# What goes through an exchange, in states: forwards the state; backwards it and its cotangent.
FORWARDS, BACKWARDS = 1, 2


def exchanges_of(circuit: Circuit, device_bits: int) -> tuple[int, ...]:
    """For each exchange of a value, how many bits of the device are swapped for local ones."""
    if device_bits == 0:
        return ()
    every = (1 << circuit.num_qubits) - 1
    plan = plan_sharded(circuit, device_bits, Wanted(strings=((0, every),)))
    return tuple(exchange.num_bits for exchange in plan.exchanges)


def bytes_sent(subject: Subject, exchanges: tuple[int, ...]) -> float:
    """Bytes that each device sends for the values of all samples."""
    shares = sum(1 - 2.0**-bits for bits in exchanges)
    return shares * subject.batch * subject.one_state
