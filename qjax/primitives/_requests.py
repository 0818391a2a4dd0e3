"""Floor 9. Pubs -> what is asked of the engine, and jobs that answer it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from numbers import Number, Real
from operator import itemgetter
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit
from qiskit.primitives import PrimitiveJob, PrimitiveResult
from qiskit.primitives.containers.bindings_array import BindingsArray

from qjax._base import tuning
from qjax._base.argument_hints import explained
from qjax._base.arrays import in_order, refuse_masks
from qjax._base.options import as_flag, is_whole
from qjax._circuit.circuit import Circuit
from qjax._circuit.domain import check_domain
from qjax._engine import Model, NetworkReadout, num_simulated_of, outputs
from qjax._networks import evaluate
from qjax._noise import NoiseModel, as_noise
from qjax._qiskit import as_qiskit, from_qiskit
from qjax._remote import Blurred, simulated
from qjax._simulators import Simulator, Trajectories, as_simulator
from qjax.primitives._strengths import Strengths, numbers_of, strengths_of

Seed = np.random.Generator | int | None


# Arguments of other primitives.
_WAYS = {
    "shots": "Sampler has default_shots=, and Estimator default_precision=, the standard error",
    "backend": "Leave it out: circuits are simulated; noise=qjax.noise.from_backend(backend) is "
    "that of a device",
    "noise_model": "Give noise=, a qjax.noise.NoiseModel; qjax.noise.from_aer converts Aer's",
    "options": "Leave it out; see default_shots=, default_precision=, seed= and exact=",
}


class Simulating(Blurred):
    """A primitive that simulates, and draws from a generator unless it is exact.

    Raises:
        ValueError: for a negative seed.
        TypeError: for another kind of seed, and what is no noise model or simulator.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a constructor that is called with other arguments tell its own."""
        super().__init_subclass__(**options)
        cls.__init__ = explained(cls.__name__, _WAYS, cls.__init__)  # type: ignore[method-assign]

    def __init__(self, seed: Seed, exact: bool, noise: object, simulator: object) -> None:
        flag = as_flag(exact, "exact")
        _check_seed(seed)
        self._seed, self._exact = seed, flag
        self._noise, self._simulator = as_noise(noise), as_simulator(simulator)

    @property
    def exact(self) -> bool:
        """Whether no precision or shots are heeded: results are exact, or means over runs."""
        return self._exact

    @property
    def noise(self) -> NoiseModel | None:
        """What goes wrong on the way; None for nothing."""
        return self._noise

    @property
    def simulator(self) -> Simulator | None:
        """How states are represented; None chooses."""
        return self._simulator

    @property
    def _runs(self) -> int | None:
        """How many runs values are means of, by `Trajectories`; None for other simulators."""
        how = self._simulator
        return how.samples if isinstance(how, Trajectories) else None

    @property
    def seed(self) -> Seed:
        """What random numbers are drawn from."""
        return self._seed

    def seeds(self, count: int) -> Float[np.ndarray, "count 2"]:
        """What fixes the draws of so many sets of runs."""
        return np.random.default_rng(self._seed).integers(2**24, size=(count, 2)).astype(float)


def _check_seed(seed: object) -> None:
    kinds = (np.random.Generator, np.random.BitGenerator, np.random.SeedSequence, type(None))
    if isinstance(seed, kinds):
        return
    if not is_whole(seed):
        raise TypeError(f"seed: expected a whole number, a Generator or None, got {seed!r}")
    if seed < 0:  # type: ignore[operator]
        raise ValueError(f"seed: expected a number of at least 0, got {seed}")


def check_precision(precision: object, what: str) -> float:
    """Require a standard error.

    Raises:
        ValueError: for a negative one, NaN and infinity.
        TypeError: for what is no real number.
    """
    strange = isinstance(precision, (bool, np.bool_, np.timedelta64))
    if strange or not isinstance(precision, Real):
        raise TypeError(f"{what}: expected a number, 0 for exact values, got {precision!r}")
    number = float(precision)
    if not 0 <= number < math.inf:
        raise ValueError(f"{what}: expected a finite number of at least 0, got {precision!r}")
    return number


def listed(pubs: Any) -> list[Any]:
    """The pubs in a list; what each is made of is for Qiskit to check.

    Raises:
        TypeError: for what cannot be pubs.
    """
    expected = "pubs: expected a list of circuits or of tuples that begin with one, such as [pub]"
    if isinstance(pubs, str) or not isinstance(pubs, (Iterable, QuantumCircuit)):
        raise TypeError(f"{expected}, got {pubs!r}")
    members = list(pubs)
    if strange := [pub for pub in members if isinstance(pub, (str, Number, type(None)))]:
        raise TypeError(f"{expected}, got {strange[0]!r} among them")
    return members


def unmasked(pub: object, position: int) -> Any:
    """The pub, whose parameter values, at this position of it, are not masked: Qiskit drops masks.

    Raises:
        TypeError: for masked values, and for durations, of which Qiskit drops the unit.
    """
    if isinstance(pub, (tuple, list)) and len(pub) > position:
        values = pub[position]
        for numbers in values.values() if isinstance(values, Mapping) else [values]:
            refuse_masks(numbers, "parameter values")
            if _are_durations(numbers):
                raise TypeError("parameter values: got timedelta64; expected real numbers")
    return pub


def of_qiskit(pub: object, position: int) -> Any:
    """The pub as Qiskit takes it: with a circuit of Qiskit's in the place of a `Circuit`.

    Parameter values, at this position of it, are told by the names of the circuit's parameters, as
    Qiskit sorts parameters by name; those that nothing uses, which it does not have, are left out.

    Raises:
        ValueError: for parameter values of another number than the circuit's parameters.
    """
    circuit, *others = pub if isinstance(pub, (tuple, list)) and pub else (pub,)
    if not isinstance(circuit, Circuit):
        return pub
    written = as_qiskit(circuit)
    if len(others) >= position and others[position - 1] is not None:
        others[position - 1] = _by_name(circuit, written, others[position - 1])
    return (written, *others)


def _by_name(circuit: Circuit, written: QuantumCircuit, values: Any) -> Any:
    if isinstance(values, (Mapping, BindingsArray)):
        return values
    array = np.asarray(values)
    if circuit.num_params == 1 and array.shape[-1:] != (1,):
        array = array[..., None]  # as Qiskit takes the values of a single parameter
    if array.shape[-1:] != (circuit.num_params,):
        raise ValueError(
            f"parameter values: expected an array whose last axis has length {circuit.num_params}, "
            f"got shape {array.shape}. {in_order(circuit.parameters)}"
        )
    used = tuple(parameter.name for parameter in written.parameters)
    columns = [circuit.parameters.index(name) for name in used]
    told = {used: array[..., columns]} if used else {}
    return BindingsArray(told, shape=array.shape[:-1])


def _are_durations(values: object) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_are_durations, values))
    return isinstance(values, (np.ndarray, np.generic)) and values.dtype.kind == "m"


def submit(run: Callable[[list], list], pubs: list) -> PrimitiveJob:
    """A job that has begun to run the pubs."""
    job = PrimitiveJob(lambda: PrimitiveResult(run(pubs), metadata={"version": 2}))
    job._submit()
    return job


@dataclass(frozen=True)
class Request:
    """What a pub asks for, as a network: parameters are its inputs, strengths of noise its weights.

    Attributes:
        model: what is computed.
        strengths: how its weights make a noise model; None for no noise.
        numbers: the weights. They are no part of what is compiled.
    """

    model: Model
    strengths: Strengths | None
    numbers: Float[np.ndarray, " strengths"] = field(compare=False, repr=False)

    @property
    def num_inputs(self) -> int:
        return self.model.circuit.num_params

    @property
    def num_weights(self) -> int:
        return 0 if self.strengths is None else self.strengths.size

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.model.readout.output_shape

    @property
    def num_simulated(self) -> int:
        """How many qubits a state has that takes as much as what is simulated."""
        return num_simulated_of(self.model) * (1 + self.model.is_mixed)

    def apply(self, weights: Array, inputs: Array) -> Array:
        if 0 in self.output_shape:
            return jnp.zeros((len(inputs), *self.output_shape), inputs.dtype)
        noise = None if self.strengths is None else self.strengths.model(weights)
        return outputs(self.model, jnp.zeros((0,), inputs.dtype), inputs, noise)


def request(primitive: Blurred, circuit: Circuit, readout: NetworkReadout) -> Request:
    """What is asked of the engine for a circuit."""
    model, noise = simulated(circuit, readout, primitive.simulator, primitive.noise)
    if noise is None:
        return Request(model, None, np.zeros(0))
    return Request(model, strengths_of(noise), numbers_of(noise))


def points_of(circuit: QuantumCircuit, values: BindingsArray) -> Float[np.ndarray, "points params"]:
    """One row per parameter set, in the circuit's order."""
    return np.asarray(values.as_array(circuit.parameters), float).reshape(
        values.size, circuit.num_parameters
    )


def circuits_of(pubs: list) -> list[Circuit]:
    """The circuit of each pub; a circuit that comes several times is converted once."""
    unique = {id(pub.circuit): pub.circuit for pub in pubs}
    converted = {key: from_qiskit(circuit) for key, circuit in unique.items()}
    return [converted[id(pub.circuit)] for pub in pubs]


def values_of(
    requests: Iterable[tuple[Request, np.ndarray]],
) -> Iterator[Float[np.ndarray, "points outputs"]]:
    """What each request of a primitive reads out at its points; in one go for equal ones in a row.

    Of one primitive equal requests have equal numbers, too.
    """
    for network, row in groupby(requests, key=itemgetter(0)):
        for together in _blocks(network, (given for _, given in row)):
            points = np.concatenate(together)
            check_domain(network.model.circuit, points, "parameter values")
            values = evaluate(network, network.numbers, points)
            yield from np.split(values, np.cumsum([len(points) for points in together])[:-1])


def _blocks(
    network: Request, requests: Iterable[np.ndarray]
) -> Iterator[list[Float[np.ndarray, "points params"]]]:
    """Requests in a row that are within a block together, or single ones."""
    limit = rows_per_block(network)
    block: list[np.ndarray] = []
    for points in requests:
        if block and sum(map(len, block)) + len(points) > limit:
            yield block
            block = []
        block.append(points)
    yield block


def rows_per_block(network: Request) -> int:
    (size,) = network.output_shape
    return max(1, tuning.READ_OUT_BYTES // max(1, 8 * size))
