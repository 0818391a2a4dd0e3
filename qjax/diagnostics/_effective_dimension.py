"""Floor 9. (network, weights, inputs, number of data) -> effective dimension."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from qjax._base.arrays import Numbers, as_real, as_real_numpy
from qjax._base.store import kept
from qjax._networks import Network
from qjax.diagnostics._fisher_information import Outputs, checked_data, fisher_spectrum

# Kappa where log(1 + kappa) is twice log kappa: below it an eigenvalue of 1 counts as two and more.
_FEW = (1 + 5**0.5) / 2


def effective_dimension(
    network: Network,
    weights: Any,
    inputs: Numbers | None,
    num_data: Numbers,
    *,
    gamma: float = 1.0,
    outputs: Outputs | None = None,
) -> Float[Array, "*num_data"]:
    """How many directions in the space of models a network can be told apart in, from n data.

    d(n) = 2 log[mean over weights of sqrt det(I + kappa F)] / log kappa, with kappa = gamma n / (2
    pi log n) and F the normalised Fisher information (A. Abbas et al., Nat. Comput. Sci. 1, 403
    (2021), eq. 3). For many data it tends to the largest rank of F. For few it says little: it may
    exceed the number of weights, and grows without bound where kappa tends to 1. There is a warning
    where a number of data is so small that each weight may count as two (n below 37 for gamma 1).

    Args:
        network: as in `fisher_information`.
        weights: shape `(sets, num_weights)`: samples of the whole space, uniform in the paper.
        inputs: as in `fisher_information`: samples of the data's distribution.
        num_data: n, one number or an array; kappa has to be above 1, so n is at least 19 for gamma
            1.
        gamma: a constant in (0, 1].
        outputs: as in `fisher_information`.

    Returns:
        the shape of `num_data`. Divide by `num_weights` for the normalised effective dimension.

    Raises:
        ValueError: also for a `num_data` or `gamma` out of bounds.
        TypeError: as `fisher_information`.
    """
    spectrum = fisher_spectrum(network, weights, inputs, outputs=outputs)
    values = jnp.maximum(spectrum.reshape(-1, spectrum.shape[-1]), 0)
    return _compiled_mean()(values, _ratio(num_data, gamma).astype(values.dtype))


@kept()
def _compiled_mean() -> Callable[[Array, Array], Float[Array, "*num_data"]]:
    """(eigenvalues of each set, kappa) -> 2 log[mean of sqrt det(I + kappa F)] / log kappa."""

    def dimension(
        values: Float[Array, "sets weights"], ratio: Float[Array, "*num_data"]
    ) -> Float[Array, "*num_data"]:
        scaled = ratio[..., None, None] * values[(None,) * ratio.ndim]
        logs = jnp.sum(jnp.log1p(scaled), axis=-1) / 2
        mean = jax.scipy.special.logsumexp(logs, axis=-1) - np.log(len(values))
        return 2 * mean / jnp.log(ratio)

    return jax.jit(dimension)


def local_effective_dimension(
    network: Network,
    weights: Any,
    inputs: Numbers | None,
    num_data: Numbers,
    *,
    gamma: float = 1.0,
    outputs: Outputs | None = None,
) -> Float[Array, "*num_data"]:
    """The effective dimension around one set of weights, such as trained ones.

    A. Abbas, D. Sutter, A. Figalli and S. Woerner, arXiv:2112.04807, with the Fisher information in
    a small ball around the weights taken to be that at its centre, as in Qiskit Machine Learning's
    `LocalEffectiveDimension`. For a ball of some size, draw weights in it and give them to
    `effective_dimension`.

    Args:
        network: as in `fisher_information`.
        weights: one set, shape `(num_weights,)`; or a tree.
        inputs: as in `fisher_information`.
        num_data: as in `effective_dimension`.
        gamma: as in `effective_dimension`.
        outputs: as in `fisher_information`.

    Raises:
        ValueError: also for several sets of weights.
        TypeError: as `fisher_information`.
    """
    lead = checked_data(network, weights, inputs)[2]
    if lead not in ((), (1,)):
        raise ValueError(
            f"weights: expected one set, shape ({network.num_weights},), got sets of shape {lead}; "
            "see effective_dimension for many"
        )
    return effective_dimension(network, weights, inputs, num_data, gamma=gamma, outputs=outputs)


def _ratio(num_data: Numbers, gamma: float) -> Float[Array, "*num_data"]:
    """Kappa = gamma n / (2 pi log n)."""
    constant = as_real_numpy(gamma, "gamma")
    if constant.ndim or not 0 < constant <= 1:
        raise ValueError(f"gamma: expected a number above 0 and at most 1, got {gamma}")
    numbers = as_real(num_data, "num_data")
    if not isinstance(numbers, jax.core.Tracer):
        known = np.asarray(numbers, np.float64)
        with np.errstate(all="ignore"):
            ratio = float(constant) * known / (2 * np.pi * np.log(known))
        if not np.all((known > np.e) & (ratio > 1) & (known < np.inf)):
            raise ValueError(
                f"num_data: expected n with gamma n / (2 pi log n) above 1, got {num_data}; "
                f"for gamma = {gamma} that is at least {_least(float(constant))}"
            )
        if np.any(ratio < _FEW):
            warnings.warn(
                f"num_data: got {num_data}; for so few the effective dimension may be more than "
                "twice the number of weights, and tells little",
                stacklevel=3,
            )
    scale = float(constant) / (2 * np.pi)
    return scale * numbers / jnp.log(numbers)


def _least(gamma: float) -> int:
    n = 3
    while gamma * n / (2 * np.pi * np.log(n)) <= 1:
        n += max(1, n // 100)
    return n
