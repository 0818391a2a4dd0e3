"""Floor 11. What an estimator was handed -> checked, in the form that trainings take."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.model_selection import train_test_split

from qjax._base.arrays import as_real_numpy, counted
from qjax._networks import Network
from qjax._networks.protocol import check_network, output_shape_of
from qjax.algorithms._objective import Batch


def checked_network(network: Any, num_features: int, num_classes: int | None) -> Network:
    """A network that takes so many features; made by a function of their number, if it is one.

    Raises:
        TypeError: for what is no network, nor a function that makes one.
        ValueError: for a network of another width, or with outputs that are no vector.
    """
    if callable(network) and not isinstance(network, type) and not isinstance(network, Network):
        network = network(num_features, num_classes)
    check_network(network, "neural_network")
    shape = output_shape_of(network)
    if len(shape) != 1:
        raise ValueError(
            f"neural_network: expected outputs that are a vector, got output_shape={shape}"
        )
    if network.num_inputs != num_features:
        raise ValueError(
            f"X has {num_features} features, but the network takes {network.num_inputs} inputs"
        )
    if not network.num_weights:
        raise ValueError("neural_network: it has no weights, so nothing can be trained")
    return network


def mean_one(
    weights: Float[np.ndarray, " samples"], estimator: object, what: str = "sample_weight"
) -> Float[np.ndarray, " samples"]:
    """How much each sample counts, so that it is 1 on average.

    Raises:
        ValueError: for numbers that are negative or not finite, and where none counts.
    """
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"{what}: expected finite numbers of at least 0, got {weights.min()} to {weights.max()}"
        )
    if not weights.any():
        raise ValueError(
            f"{what}: all are zero; {type(estimator).__name__} needs samples that count"
        )
    return weights / weights.mean()


def starting_points(
    network: Network, restarts: int, rng: np.random.RandomState, given: Any
) -> Float[np.ndarray, "restarts weights"]:
    """Given points come first, random ones follow.

    Raises:
        ValueError: for points of another width, too many, and what is not finite.
        TypeError: for what is no numbers.
    """
    drawn = rng.uniform(-1, 1, (restarts, network.num_weights))
    if given is None:
        return drawn
    point = as_real_numpy(given, "initial_point").astype(float)
    if point.shape == (network.num_weights,):
        point = point[None]
    if point.ndim != 2 or point.shape[1] != network.num_weights or len(point) > restarts:
        several = f" or up to {restarts} rows of that" if restarts > 1 else ""
        raise ValueError(
            f"initial_point: expected one number for each weight of the network, shape "
            f"({network.num_weights},){several}, got {point.shape}"
        )
    if not np.isfinite(point).all():
        raise ValueError("initial_point: expected finite numbers, got NaN or infinity")
    drawn[: len(point)] = point
    return drawn


def last_weights(
    network: Network, weights: Float[np.ndarray, " weights"]
) -> Float[np.ndarray, " weights"]:
    """Those of the last fit, where the next one can go on from them.

    Raises:
        ValueError: for another number of them, and what is not finite.
    """
    if len(weights) != network.num_weights or not np.isfinite(weights).all():
        left = "weights" if np.isfinite(weights).all() else "weights that are infinite or NaN:"
        raise ValueError(
            f"warm_start: the last fit left {len(weights)} {left}; expected {network.num_weights} "
            "finite ones for this network, or warm_start=False"
        )
    return weights


def split(
    rows: Batch, fraction: Any, strata: np.ndarray | None, rng: np.random.RandomState
) -> tuple[Batch, Batch | None]:
    """Rows to train on, and those that are kept aside; none of these for None.

    Args:
        rows: all of them.
        fraction: which part is kept aside.
        strata: what is to be as frequent there as among all; None for nothing.
        rng: draws them.

    Raises:
        ValueError: for what is not between 0 and 1, and too few rows.
    """
    if fraction is None:
        return rows, None
    number = as_real_numpy(fraction, "validation_fraction")
    if number.ndim or not 0 < number < 1:
        raise ValueError(
            f"validation_fraction: expected a number between 0 and 1, got {fraction!r}"
        )
    count = len(rows.targets)
    try:
        kept, aside = train_test_split(
            np.arange(count), test_size=float(number), random_state=rng, stratify=strata
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction: {fraction} of {counted(count, 'row')} cannot be kept aside: "
            f"{error}"
        ) from error
    return Batch(*(part[kept] for part in rows)), Batch(*(part[aside] for part in rows))
