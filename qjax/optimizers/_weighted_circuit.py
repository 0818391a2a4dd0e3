"""Floor 9. Circuit or network -> which of its parameters are weights and which are inputs."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import Numbers, as_real, check_length, in_order
from qjax._base.weight_tree import WeightStructure, structure_of
from qjax._circuit.circuit import Circuit
from qjax._networks import NeuralNetwork, way_from_qiskit_ml
from qjax._qiskit import as_circuit


class WeightedCircuit(NamedTuple):
    """A circuit whose weights an optimizer moves.

    Attributes:
        circuit: the circuit.
        weights, inputs: which of its parameters, by index, these are, in their order.
        structure: of the weights; None where they are one vector.
    """

    circuit: Circuit
    weights: tuple[int, ...]
    inputs: tuple[int, ...]
    structure: WeightStructure | None

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self.circuit.parameters[position] for position in self.inputs)

    def check_weights(self, vector: Array, what: str) -> None:
        """Require as many numbers as there are weights.

        Raises:
            ValueError: otherwise.
        """
        names = tuple(self.circuit.parameters[position] for position in self.weights)
        check_length(vector, len(names), what, in_order(names))

    def samples(self, inputs: Numbers | None, weights: Array) -> Float[Array, "batch inputs"]:
        """The inputs as rows; one without numbers where the model has none.

        Raises:
            ValueError: for inputs that are missing or of a wrong shape.
            TypeError: for numbers that are not real.
        """
        names = self.input_names
        if inputs is None and names:
            raise ValueError(
                "inputs: got None; the metric is a mean over samples: call update(gradient, state, "
                "weights, inputs=x)"
            )
        if inputs is None:
            return jnp.zeros((1, 0), weights.dtype)
        values = as_real(inputs, "inputs")
        if not values.ndim or values.shape[-1] != len(names) or 0 in values.shape[:-1]:
            raise ValueError(
                f"inputs: expected one sample or more, shape (..., {len(names)}), got "
                f"{values.shape}. {in_order(names)}"
            )
        # Without inputs all samples are the same one.
        return values.reshape(-1, len(names)) if names else jnp.zeros((1, 0), weights.dtype)


def weighted_circuit(model: Circuit | QuantumCircuit | NeuralNetwork) -> WeightedCircuit:
    """Read a model: all parameters of a circuit are weights, of a network those that it calls so.

    Raises:
        TypeError: for another kind of model.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    if isinstance(model, NeuralNetwork):
        index = model.circuit.parameters.index
        weights, inputs = map(index, model.weight_params), map(index, model.input_params)
        return WeightedCircuit(model.circuit, tuple(weights), tuple(inputs), structure_of(model))
    if isinstance(model, (Circuit, QuantumCircuit)):
        circuit = as_circuit(model)
        return WeightedCircuit(circuit, tuple(range(circuit.num_params)), (), None)
    given = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
    raise TypeError(
        f"model: expected a circuit or a network, got {given}{way_from_qiskit_ml(model)}"
    )
