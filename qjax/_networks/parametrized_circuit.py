"""Floor 8. A circuit whose parameters are inputs and weights: what networks and kernels share."""

from typing import Any

import jax
from jax import Array

from qjax._base.arrays import check_key
from qjax._base.process import check_process
from qjax._base.weight_tree import WeightStructure, compiled_split
from qjax._circuit.circuit import Circuit
from qjax._engine import Model
from qjax._networks.parameter_roles import weight_names
from qjax._networks.unchanging import Unchanging
from qjax._simulators import Simulator


class ParametrizedCircuit(Unchanging):
    """Read-only attributes of a circuit and the roles of its parameters, and random weights."""

    _model: Model
    _structure: WeightStructure | None

    @property
    def circuit(self) -> Circuit:
        """The circuit that takes inputs and weights."""
        return self._model.circuit

    @property
    def num_inputs(self) -> int:
        """How many numbers an input, or a point, has."""
        return len(self._model.inputs)

    @property
    def num_weights(self) -> int:
        """How many weights there are; of a tree, in all leaves together."""
        return len(self._model.weights)

    @property
    def input_params(self) -> tuple[str, ...]:
        """The names of the parameters that take the inputs, in their order."""
        return tuple(self.circuit.parameters[p] for p in self._model.inputs)

    @property
    def weight_params(self) -> tuple[str, ...]:
        """The names of the parameters that take the weights, in the order of the flat vector."""
        return tuple(self.circuit.parameters[p] for p in self._model.weights)

    @property
    def weight_structure(self) -> Any:
        """The pytree that weights are, with the parameters' names in arrays of the leaves' shapes.

        One vector of names, unless `weight_params` was a tree.
        """
        return weight_names(self.weight_params, self._structure)

    @property
    def simulator(self) -> Simulator | None:
        """What `simulator=` was given: how states are represented; None where that is chosen."""
        return self._model.simulator

    def init(self, key: Array) -> Any:
        """Random weights, uniform in [-1, 1), in JAX's default float dtype.

        Args:
            key: a JAX random key.

        Returns:
            shape `(num_weights,)`; or the tree of `weight_structure`, which holds the same numbers.

        Raises:
            TypeError: for what is no key.
        """
        check_process()
        check_key(key)
        vector = jax.random.uniform(key, (self.num_weights,), minval=-1, maxval=1)
        return vector if self._structure is None else compiled_split(self._structure)(vector)

    def _argument(self, name: str) -> Any:
        return self.weight_structure if name == "weight_params" else super()._argument(name)
