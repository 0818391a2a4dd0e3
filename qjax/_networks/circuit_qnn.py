"""Floor 8. The tutorial's older name for networks of probabilities and samples."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import jax
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseSamplerV2
from scipy.sparse import coo_array

from qjax._base.arrays import Numbers, check_key
from qjax._base.options import as_flag
from qjax._circuit.circuit import Circuit
from qjax._engine import Probabilities, compiled_draws
from qjax._networks.data import prepared
from qjax._networks.interpretation import (
    Interpret,
    check_interpret,
    interpreted,
    measured_integers,
    measured_part,
)
from qjax._networks.parameter_roles import Parameters, WeightParameters, unpacked
from qjax._networks.randomness import check_seed, key_of_seed
from qjax._networks.sampler_qnn import SamplerQNN
from qjax._noise import NoiseModel
from qjax._qiskit import SamplerSource, as_circuit
from qjax._readout import check_shots, check_shots_fit
from qjax._remote import sent_rows
from qjax._simulators import Simulator

_SHOTS = 1024  # Qiskit Machine Learning's


class CircuitQNN(SamplerQNN):
    """`SamplerQNN` under the tutorial's name, which can also return samples.

    Args:
        circuit: like all arguments that are not described here, as in `SamplerQNN`.
        sampling: whether `forward` returns samples instead of probabilities. Samples have no
            gradients; `output_shape` is then `(shots, d)` for an `interpret` that returns d
            numbers, and must not be given.
        shots: how many samples `sample`, and with `sampling` `forward`, draw for each input, by
            default 1024. Probabilities are shares of so many samples, as in `SamplerQNN`; None
            leaves them exact, or to a sampler's own number.
        gradient, simulator: as in `SamplerQNN`. By `Trajectories(samples)` each sample that is
            drawn is a run, and there are so many, which `shots` need not say.
        seed: fixes the samples of a simulation, unless a call has a seed or a key of its own; None
            draws fresh ones at every call. A sampler has its own.
    """

    def __init__(
        self,
        circuit: Circuit | QuantumCircuit,
        input_params: Parameters | None = None,
        weight_params: WeightParameters | None = None,
        sparse: bool = False,
        sampling: bool = False,
        interpret: Interpret | None = None,
        output_shape: int | Sequence[int] | None = None,
        input_gradients: bool = False,
        *,
        shots: int | None = None,
        seed: int | None = None,
        sampler: BaseSamplerV2 | None = None,
        gradient: object | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        pass_manager: BasePassManager | None = None,
    ) -> None:
        circuit, input_params, weight_params = unpacked(circuit, input_params, weight_params)
        circuit = as_circuit(circuit)
        sampling, sparse = as_flag(sampling, "sampling"), as_flag(sparse, "sparse")
        if sampling and (sparse or output_shape is not None):
            raise ValueError(
                "sampling=True: samples are dense and their shape follows from shots and "
                "interpret; leave out sparse and output_shape"
            )
        super().__init__(
            circuit=circuit,
            input_params=input_params,
            weight_params=weight_params,
            sparse=sparse,
            interpret=None if sampling else interpret,
            output_shape=output_shape,
            input_gradients=input_gradients,
            sampler=sampler,
            gradient=gradient,
            simulator=simulator,
            noise=noise,
            shots=None if sampling and sampler is None else shots,
            pass_manager=pass_manager,
        )
        runs = self._model.runs
        if runs is not None and shots not in (None, runs):
            raise ValueError(
                f"shots: got {shots} beside {simulator}, whose samples are the runs: each is one "
                f"shot; leave shots out, or give Trajectories({shots})"
            )
        self._sampling = sampling
        self._interpret = interpret
        self._asked = shots
        self._shots = check_shots((runs or _SHOTS) if shots is None else shots)
        self._seed = check_seed(seed)
        if sampler is not None and seed is not None:
            raise ValueError("seed: the sampler draws the samples; give it the seed")
        self._values = _sampled_values(circuit, interpret) if sampling else None

    def _key(self) -> tuple:
        values = None if self._values is None else self._values.tobytes()
        return (*super()._key(), self._sampling, self._shots, self._seed, values)

    def exact(self) -> Self:
        """As `NeuralNetwork.exact`; `sample` draws as many samples as before where it samples."""
        twin = super().exact()
        if self._model.is_random:
            vars(twin).update(_asked=None, _shots=_SHOTS)
        return twin

    @property
    def sampling(self) -> bool:
        """Whether `forward` returns samples instead of probabilities."""
        return self._sampling

    @property
    def shots(self) -> int:
        """How many samples `sample` draws for each input."""
        return self._shots

    @property
    def seed(self) -> int | None:
        """What fixes the samples of a simulation."""
        return self._seed

    def _argument(self, name: str) -> Any:
        match name:
            case "shots":
                return self._asked
            case "output_shape" if self._sampling:
                return None  # it follows from shots and interpret
            case _:
                return super()._argument(name)

    def _implied(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        implied = super()._implied(changes)
        implied.pop("shots", None)  # also what `sample` draws
        if changes.get("sampling"):
            implied["output_shape"] = None  # it follows from shots and interpret
        return implied

    @property
    def output_shape(self) -> tuple[int, ...]:
        if self._values is None:
            return super().output_shape
        return (self._shots, self._values.shape[1])

    def apply(
        self, weights: Any, inputs: Numbers | None = None, *, key: Array | None = None
    ) -> Array:
        """As `NeuralNetwork.apply`.

        Raises:
            ValueError: also with `sampling=True`, where outputs are random.
        """
        if self._sampling:
            raise ValueError(
                "apply: a network with sampling=True is no function of weights and inputs alone; "
                "call sample(input_data, weights, key), or build it without sampling"
            )
        return super().apply(weights, inputs, key=key)

    def forward(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> np.ndarray | coo_array:
        """`sample` if the network is sampling, else `probabilities`."""
        if self._sampling:
            key = None if seed is None else key_of_seed(check_seed(seed))
            return self.sample(input_data, weights, key)
        return self.probabilities(input_data, weights, seed=seed)

    def backward(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> tuple:
        """`(None, None)` if the network is sampling, else `probability_gradients`."""
        if self._sampling:
            return None, None
        return self.probability_gradients(input_data, weights, seed=seed)

    def probabilities(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> Float[np.ndarray, "*batch_and_outputs"] | coo_array:
        """The probability of each output, as `NeuralNetwork.forward`."""
        self._refuse_sampling("probabilities")
        return super().forward(input_data, weights, seed=seed)

    def probability_gradients(
        self, input_data: Numbers | None, weights: Any, *, seed: int | None = None
    ) -> tuple:
        """The Jacobians of `probabilities`, as `NeuralNetwork.backward`."""
        self._refuse_sampling("probability_gradients")
        return super().backward(input_data, weights, seed=seed)

    def sample(
        self,
        input_data: Numbers | None,
        weights: Any,
        key: Array | None = None,
    ) -> np.ndarray:
        """Draw measured integers and interpret them; arguments and errors as `forward`.

        Args:
            input_data: shape `(..., num_inputs)`.
            weights: shape `(num_weights,)`, or a tree.
            key: a JAX random key; None takes the network's `seed`. Must be None on a sampler.

        Returns:
            int64, shape `(*batch, shots, d)`, d the number of indices that `interpret` returns.
        """
        inputs, weights, batch = prepared(self, self._model, self._structure, input_data, weights)
        # Basis states, and the numbers that they are interpreted as.
        check_shots_fit(len(inputs) * self._shots, 4 + 8 * self._interpreted().shape[1])
        with jax.enable_x64(weights.dtype == np.float64):
            states = (
                self._simulated_states(weights, inputs, key)
                if self._remote is None
                else self._measured_states(weights, inputs, key)
            )
        values = self._interpreted()[states]
        return values.reshape(*batch, *values.shape[1:])

    def _simulated_states(
        self, weights: np.ndarray, inputs: np.ndarray, key: Array | None
    ) -> np.ndarray:
        draw = compiled_draws(self._model, self._shots)
        if key is not None:
            check_key(key)
        chosen = key_of_seed(self._seed) if key is None else key
        return np.asarray(draw(weights, inputs, chosen, self.relevant_noise))

    def _measured_states(
        self, weights: np.ndarray, inputs: np.ndarray, key: Array | None
    ) -> np.ndarray:
        assert self._remote is not None
        if key is not None:
            raise ValueError("key: the sampler draws the samples; give it a seed instead")
        rows = sent_rows(self._remote, weights, inputs)
        if not len(rows):
            return np.zeros((0, self._shots), np.int64)
        source = self._remote.source
        assert isinstance(source, SamplerSource)
        return source.states(rows, self._shots)

    def _keys_of_seed(self, seed: int | None) -> tuple[Array, ...]:
        own = self._seed if seed is None and self._model.is_random else seed
        return super()._keys_of_seed(own)

    def _interpreted(self) -> np.ndarray:
        """`(2**k, d)`: what each state of the measured qubits is sampled as."""
        if self._values is not None:
            return self._values
        assert isinstance(self._model.readout, Probabilities)
        return np.stack(np.unravel_index(self._model.readout.table, self.output_shape), axis=-1)

    def _refuse_sampling(self, what: str) -> None:
        if self._sampling:
            raise ValueError(
                f"{what}: the network was built with sampling=True; build it without, and with "
                "output_shape if it has an interpret"
            )


def _sampled_values(circuit: Circuit, interpret: Interpret | None) -> np.ndarray:
    """`(2**k, d)` integers: what each state of the measured qubits is interpreted as."""
    integers, _ = measured_integers(measured_part(circuit))
    if interpret is None:
        return integers[:, None]
    check_interpret(interpret)
    table: dict[int, np.ndarray] = {}
    for value in np.unique(integers).tolist():
        row = interpreted(interpret, value)
        if row is None or (table and len(row) != len(next(iter(table.values())))):
            raise ValueError(
                f"interpret({value}) is {interpret(value)!r}; expected an integer, or a tuple of "
                "integers, of the same length for every measured integer"
            )
        table[value] = row
    return np.stack([table[value] for value in integers.tolist()])
