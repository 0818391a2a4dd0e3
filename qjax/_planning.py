"""Floor 7. Circuit -> how it is simulated, in words."""

from collections.abc import Iterable
from dataclasses import replace

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qjax._base.arrays import enumerated
from qjax._base.errors import CircuitTooLargeError
from qjax._circuit.circuit import Circuit
from qjax._engine import (
    DrawnTask,
    Outcomes,
    plan_of_task,
    task_for,
    with_simulator,
)
from qjax._noise import NoiseModel, as_noise, structure_of
from qjax._plan import Plan
from qjax._qiskit import as_circuit, vectors_among
from qjax._simulators import (
    Simulator,
    Trajectories,
    as_simulator,
)


def plan(
    circuit: Circuit | QuantumCircuit,
    inputs: Iterable[Parameter | str] | str = (),
    *,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
) -> Plan:
    """How a circuit is simulated: `print(qjax.plan(circuit))` tells what was fused, and why.

    A network's own is `qnn.plan`, where what its observables do not depend on is left out.

    Args:
        circuit: the circuit.
        inputs: the parameters, or their names, that differ per sample, such as those that
            `jax.vmap` maps over. The name of a vector of parameters stands for its elements.
        simulator: as in `expectation`.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel`, misread bits included; None
            for nothing. A pytree: `jax.grad` differentiates in its numbers.

    Raises:
        ValueError: for parameters that are not in the circuit.
        CircuitTooLargeError: where not even one state of all qubits fits into memory; `qnn.plan` of
            a network with local observables needs none.
        TypeError: for a single name instead of a sequence, and for what is no parameter.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    circuit = as_circuit(circuit)
    names = _names(inputs, vectors_among(circuit.parameters))
    if unknown := sorted(names - set(circuit.parameters)):
        raise ValueError(
            f"inputs: {enumerated(unknown)} are not among the circuit's parameters "
            f"{enumerated(circuit.parameters)}"
        )
    positions = (position for position, name in enumerate(circuit.parameters) if name in names)
    batched = frozenset(positions)
    how, model = with_simulator(circuit, as_simulator(simulator), as_noise(noise))
    try:
        structure = structure_of(model) if model else None
        if isinstance(how, Trajectories):
            drawn = DrawnTask(circuit, batched, Outcomes(), structure, how.samples)
            found = plan_of_task(drawn)
        else:
            task = task_for(circuit, Outcomes(), how, model)
            found = plan_of_task(replace(task, batched=batched))
    except CircuitTooLargeError as error:
        raise CircuitTooLargeError(
            f"{error}. Of a network with local observables, qnn.plan is the plan"
        ) from error
    if noise is None or model is not None:
        return found
    unused = "\n  no rule of the noise model is for anything in this circuit: it is without noise"
    return replace(found, summary=found.summary + unused)


def _names(inputs: Iterable[Parameter | str] | str, vectors: dict[str, list[str]]) -> set[str]:
    if isinstance(inputs, str) and inputs in vectors:
        return set(vectors[inputs])
    if isinstance(inputs, (str, Parameter)) or not isinstance(inputs, Iterable):
        raise TypeError(f"inputs: expected a sequence of parameters or names, got {inputs!r}")
    names = list(inputs)
    if strange := [name for name in names if not isinstance(name, (str, Parameter))]:
        raise TypeError(
            f"inputs: expected parameters or their names, got {strange[0]!r} of type "
            f"{type(strange[0]).__name__}"
        )
    known = [vectors.get(name, [name]) if isinstance(name, str) else [name.name] for name in names]
    return set().union(*known)
