"""Floor 11. Network and loss -> the weighted mean loss of a batch, which is minimised."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import Array
from jaxtyping import Float

from qjax._base.store import kept
from qjax._networks import Network
from qjax.algorithms._losses import Loss


class Batch(NamedTuple):
    """Rows of data, as a pytree.

    Attributes:
        inputs: what the network is given, shape `(samples, num_inputs)`.
        targets: shape `(samples, outputs)`: what the outputs are compared with, or where a loss
            counts outcomes, what each outcome costs.
        weights: how much each sample counts, shape `(samples,)`; 1 on average over all rows that
            are trained on.
    """

    inputs: Any
    targets: Any
    weights: Any


def expected_cost(
    outputs: Float[Array, "samples outputs"], costs: Float[Array, "samples outputs"]
) -> Float[Array, " samples"]:
    """The mean cost of an outcome, where outputs are the probabilities of outcomes."""
    return (outputs * costs).sum(1)


@dataclass(frozen=True)
class Objective:
    """What is minimised, a pure function of weights and batch. Equal by value, so compiled once."""

    network: Network
    loss: Loss

    def __call__(self, weights: Array, batch: Batch) -> Float[Array, ""]:
        """The weighted mean loss of the batch."""
        return self.of_outputs(self.network.apply(weights, batch.inputs), batch)

    @property
    def draws(self) -> bool:
        """Whether it is a function of a random key, too."""
        return False

    def of_outputs(self, outputs: Array, batch: Batch) -> Float[Array, ""]:
        """The weighted mean loss, of what the network gave."""
        return (self.loss(outputs, batch.targets) * batch.weights).mean()


@dataclass(frozen=True)
class DrawnObjective(Objective):
    """The same of a network with shots, whose outputs follow from a key, too."""

    def __call__(self, weights: Array, batch: Batch, *, key: Array) -> Float[Array, ""]:  # type: ignore[override]
        """The weighted mean loss of the batch, for those draws."""
        return self.of_outputs(self.network.apply(weights, batch.inputs, key=key), batch)  # type: ignore[call-arg]

    @property
    def draws(self) -> bool:
        """Whether it is a function of a random key, too."""
        return True


def objective_of(network: Network, loss: Loss) -> Objective:
    """What is minimised, for a network that is exact or drawn."""
    return DrawnObjective(network, loss) if needs_key(network) else Objective(network, loss)


def needs_key(network: object) -> bool:
    """Whether outputs of a network are drawn."""
    return bool(getattr(network, "needs_key", False))


def inputs_of(batch: Batch) -> dict[str, Array]:
    """What transformations such as the natural gradient are told of a batch."""
    return {"inputs": batch.inputs}


@kept()
def compiled_value(objective: Objective) -> Callable[..., Array]:
    """The objective as a program."""
    return jax.jit(objective)


@kept()
def compiled_value_and_grad(objective: Objective) -> Callable[..., tuple[Array, Array]]:
    """The objective and its gradient in the weights, as one program."""
    return jax.jit(jax.value_and_grad(objective))


@kept()
def compiled_slope(objective: Objective) -> Callable[[Array, Batch], tuple[Array, Array]]:
    """The objective and its gradient in the outputs, where a primitive computes these."""
    return jax.jit(jax.value_and_grad(objective.of_outputs))
