"""Floor 7. Values at several strengths of noise -> the value without noise."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import Numbers, as_numpy, as_real
from qjax._base.options import is_whole
from qjax._circuit.circuit import Circuit
from qjax._noise import NoiseModel
from qjax.mitigation._folding import fold, folded_length
from qjax.mitigation._scaling import scaled

Order = int | Literal["richardson", "exponential"]


def zero_noise_extrapolation(
    function: Callable[[Any], Any],
    model: NoiseModel | Circuit | QuantumCircuit,
    factors: Sequence[float] = (1, 2, 3),
    order: Order = 1,
    *,
    asymptote: float = 0.0,
    gates: Sequence[str] | None = None,
) -> Any:
    """What a function of noise would give without it, from its values at stronger noise.

    Y. Li and S. C. Benjamin, Phys. Rev. X 7, 021050 (2017); K. Temme, S. Bravyi and J. M. Gambetta,
    Phys. Rev. Lett. 119, 180509 (2017). Differentiable in what the function is, and in the
    strengths of the model. Misread bits are not scaled: `readout` corrects them.

        def energy(model):
            return qjax.expectation(circuit, observable, params, noise=model)

        zero_noise_extrapolation(energy, model)
        zero_noise_extrapolation(
            lambda longer: qjax.expectation(longer, observable, params, noise=model),
            circuit, factors=(1, 3, 5),
        )

    Args:
        function: called once for each factor, with what is scaled. Returns real numbers: an array,
            or a pytree of those.
        model: a noise model, whose strengths are scaled (`scaled`); or a circuit, Qiskit's or ours,
            that is made longer by folding its gates (`fold`), which needs no model, and works on
            devices. A circuit is fitted at the factors that folding attains.
        factors: how many times as strong as it is, or as long; distinct and positive.
        order: of the fit, as in `extrapolate`.
        asymptote: as in `extrapolate`.
        gates: of a circuit, the names of those that are folded, as in `fold`.

    Returns:
        what the function returns, extrapolated.

    Raises:
        ValueError: for factors that are too few, equal or not positive, for strengths that scaling
            takes out of range, and as `fold`.
        TypeError: for what is neither a model nor a circuit, and values that are not real.
    """
    numbers = _checked_factors(factors)
    if isinstance(model, NoiseModel):
        values = [function(scaled(model, factor)) for factor in numbers.tolist()]
    elif isinstance(model, (Circuit, QuantumCircuit)):
        attained = [folded_length(model, factor, gates) for factor in numbers.tolist()]
        if len(set(attained)) < len(attained):
            raise ValueError(
                "factors: expected distinct numbers also as attained, such as odd ones; "
                f"for {factors}, foldings of this circuit attain {np.round(attained, 3).tolist()}"
            )
        values = [function(fold(model, factor, gates=gates)) for factor in numbers.tolist()]
        numbers = np.array(attained)
    else:
        raise TypeError(
            f"model: expected a NoiseModel, or a circuit to fold, got {type(model).__name__}"
        )
    return jax.tree.map(
        lambda *leaves: extrapolate(numbers, _stacked(leaves), order, asymptote=asymptote),
        *values,
    )


def _stacked(leaves: tuple[Any, ...]) -> Array:
    return jnp.stack([as_real(leaf, "values of the function") for leaf in leaves])


def extrapolate(
    factors: Numbers, values: Numbers, order: Order = 1, *, asymptote: float = 0.0
) -> Float[Array, "*values"]:
    """The value at factor 0 of a curve through values at other factors, by least squares.

    In closed form: a polynomial's value at 0 is a sum of the values with weights that depend on the
    factors alone. T. Giurgica-Tiron et al., IEEE QCE (2020), section IV.

    Args:
        factors: known numbers, `(factors,)`, distinct and positive.
        values: real, `(factors, ...)`; what each gave.
        order: the degree of a polynomial, below the number of factors: 1 is a line. "richardson" is
            the highest, through all values. "exponential" is asymptote + b exp(-c factor), a line
            through logarithms of distances: exact where noise shrinks values by one factor for each
            gate. NaN where some values are above the asymptote and others are not.
        asymptote: for "exponential": what values tend to with ever more noise.

    Returns:
        shape of one value.

    Raises:
        ValueError: for shapes that do not fit, too few factors, and equal ones.
        TypeError: for values that are not real, and factors that JAX traces.
    """
    numbers, given = _checked_factors(factors), as_real(values, "values")
    if given.shape[:1] != numbers.shape:
        raise ValueError(
            f"values: expected shape ({len(numbers)}, ...), a value for each factor, got "
            f"{given.shape}"
        )
    if order == "exponential":
        return _exponential(_weights(numbers, 1), given, asymptote)
    return _weighted(_weights(numbers, _degree(order, len(numbers))), given)


def _exponential(
    weights: Float[np.ndarray, " factors"], values: Array, asymptote: float
) -> Float[Array, "*values"]:
    distances = values - asymptote
    sign = jnp.sign(distances[0])
    defined = jnp.all(distances * sign[None] > 0, axis=0)
    # What has reached the asymptote everywhere stays there.
    stays = jnp.all(distances == 0, axis=0)
    logarithms = jnp.log(jnp.where(defined[None], jnp.abs(distances), 1))
    curve = asymptote + sign * jnp.exp(_weighted(weights, logarithms))
    return jnp.where(defined, curve, jnp.where(stays, asymptote, jnp.nan))


def _weighted(weights: Float[np.ndarray, " factors"], values: Array) -> Float[Array, "*values"]:
    shape = (-1,) + (1,) * (values.ndim - 1)
    return jnp.sum(jnp.asarray(weights, values.dtype).reshape(shape) * values, axis=0)


def _weights(factors: Float[np.ndarray, " factors"], degree: int) -> Float[np.ndarray, " factors"]:
    """The row of the pseudoinverse of the Vandermonde matrix that gives the constant term.

    Factors are divided by the largest, which leaves the value at 0 as it is.
    """
    columns = np.vander(factors / factors.max(), degree + 1, increasing=True)
    return np.linalg.pinv(columns)[0]


def _degree(order: object, count: int) -> int:
    if order == "richardson":
        return count - 1
    if not is_whole(order) or not 0 <= order < count:  # type: ignore[operator]
        raise ValueError(
            f"order: expected a degree below the number of factors, {count}, 'richardson' or "
            f"'exponential', got {order!r}"
        )
    return int(order)  # type: ignore[call-overload]


def _checked_factors(factors: Any) -> Float[np.ndarray, " factors"]:
    numbers = as_numpy(factors, "factors")
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"factors: expected real numbers, got {factors!r}")
    numbers = numbers.astype(float)
    if numbers.ndim != 1 or len(numbers) < 2 or not np.isfinite(numbers).all():
        raise ValueError(f"factors: expected two finite numbers at least, got {factors!r}")
    if (numbers <= 0).any() or len(np.unique(numbers)) < len(numbers):
        raise ValueError(f"factors: expected distinct numbers above 0, got {factors!r}")
    return numbers
