"""Floor 0. Numbers that a caller handed in -> real arrays of a dtype that we compute in."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Shaped

# What callers may hand in where real numbers are expected.
Numbers = ArrayLike | Sequence[object]

_EXPECTED = "expected real numbers, such as a float32 or float64 array"

_MAX_RANK = 64  # of NumPy's arrays

_PLAIN = {float, int}

_BOOLEANS = {bool, np.bool_}

# JAX would take a word for a dtype, and a duration for a whole number.
_NO_NUMBERS = {str, bytes, type(None), np.datetime64, np.timedelta64, *_BOOLEANS}

_SHORTER: dict[Any, Any] = {
    np.dtype(np.longdouble): np.float64,
    np.dtype(np.clongdouble): np.complex128,
}


def as_real(values: Numbers, what: str) -> Float[Array, "..."]:
    """Convert to a floating array: float32 and float64 stay, all else becomes JAX's default float.

    Half precision and less is computed in single: angles need its digits.

    Args:
        values: an array, a nested sequence of numbers, or a tracer.
        what: how an error message calls them.

    Raises:
        TypeError: for complex numbers, booleans, strings and other objects, and for masked arrays.
        ValueError: for a ragged nested sequence.
    """
    if isinstance(values, (list, tuple)) and _is_of_jax(_types_in(values)):
        values = _joined(values, what)
    if not isinstance(values, jax.Array):
        values = as_real_numpy(values, what)
    dtype = jnp.result_type(values)
    if dtype in (jnp.float32, jnp.float64):
        return jnp.asarray(values)
    if not (jnp.issubdtype(dtype, jnp.floating) or _is_integer(dtype)):
        raise TypeError(f"{what}: got dtype {dtype}; {_EXPECTED}")
    half = jnp.issubdtype(dtype, jnp.floating)
    return jnp.asarray(values).astype(jnp.float32 if half else jnp.result_type(float))


def as_real_numpy(values: Numbers, what: str) -> np.ndarray:
    """The same for NumPy, in the machine's byte order.

    Floats of at most 32 bits become float32, longer ones and integers float64.

    Raises:
        TypeError: for complex numbers, booleans, strings and other objects, and for masked arrays.
        ValueError: for a ragged nested sequence.
    """
    array = as_numpy(values, what)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.size == 0 and array.dtype == object:
        array = array.astype(np.float64)
    floating = jnp.issubdtype(array.dtype, jnp.floating)  # bfloat16 too, unlike NumPy's own
    if not floating and not _is_integer(array.dtype):
        raise TypeError(f"{what}: got {_described(values, array)}; {_EXPECTED}")
    single = floating and array.dtype.itemsize <= np.dtype(np.float32).itemsize
    return array.astype(np.float32 if single else np.float64)


def _is_integer(dtype: np.dtype) -> bool:
    # NumPy counts durations as integers.
    return jnp.issubdtype(dtype, jnp.integer) and dtype.kind != "m"


def as_any_number(values: ArrayLike | Sequence[object], what: str) -> Shaped[Array, "..."]:
    """An array of real or complex numbers or booleans; half precision and less becomes single.

    Raises:
        TypeError: for strings and other objects, and for masked arrays.
        ValueError: for a ragged nested sequence.
    """
    if isinstance(values, (list, tuple)) and _is_of_jax(_types_in(values)):
        values = _joined(values, what)
    array = values if isinstance(values, jax.Array) else _as_jax_reads_it(as_numpy(values, what))
    dtype = array.dtype
    if not (dtype == np.bool_ or jnp.issubdtype(dtype, jnp.number)) or dtype.kind == "m":
        raise TypeError(f"{what}: got dtype {dtype}; expected numbers, such as a complex64 array")
    half = jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < np.dtype(np.float32).itemsize
    return jnp.asarray(array).astype(jnp.float32) if half else jnp.asarray(array)


def as_numpy(values: object, what: str) -> np.ndarray:
    """Numbers of any kind, as NumPy reads them; no mask is lost.

    Raises:
        TypeError: for masked arrays, and for what NumPy cannot read.
        ValueError: for a ragged nested sequence.
    """
    if type(values) is np.ndarray:
        return values
    if isinstance(values, (list, tuple)):
        types = _types_in(values)
        if len(types) > 1 and types & _BOOLEANS:
            raise TypeError(f"{what}: got booleans among the numbers; {_EXPECTED}")
        values = jax.device_get(values) if _is_of_jax(types) else values
    else:
        types = {type(values)}
    _refuse_masks(types, what)
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{what}: {error}; {_EXPECTED}") from error
    except jax.errors.JAXTypeError:  # a tracer: JAX says what to do
        raise
    except (TypeError, RuntimeError) as error:
        raise TypeError(_unreadable(values, what, error)) from error


def _types_in(values: Sequence[object]) -> set[type]:
    """The types of what nested lists and tuples hold.

    Raises:
        ValueError: for one in itself, which NumPy would follow for ever.
    """
    types: set[type] = set()
    level = list(values)
    for _ in range(_MAX_RANK):
        level_types = set(map(type, level))
        nested = {kind for kind in level_types if issubclass(kind, (list, tuple))}
        types |= level_types - nested
        if not nested:
            return types
        # By identity: a list that holds itself twice would double with each level.
        inner = {id(member): member for member in level if isinstance(member, (list, tuple))}
        level = list(chain.from_iterable(inner.values()))
    raise ValueError(f"a list in lists has more than {_MAX_RANK} dimensions; {_EXPECTED}")


def refuse_masks(values: object, what: str) -> None:
    """Require numbers of which none is masked, in an array or in nested lists.

    Raises:
        TypeError: otherwise.
    """
    nested = isinstance(values, (list, tuple))
    _refuse_masks(_types_in(values) if nested else {type(values)}, what)  # type: ignore[arg-type]


def _refuse_masks(types: set[type], what: str) -> None:
    if any(issubclass(kind, np.ma.MaskedArray) for kind in types):
        raise TypeError(
            f"{what}: got masked numbers, whose mask would be lost; fill them first (`filled`), or "
            "leave them out (`compressed`)"
        )


def _is_of_jax(types: set[type]) -> bool:
    return not types <= _PLAIN and any(
        issubclass(kind, (jax.Array, jax.core.Tracer)) for kind in types
    )


def _joined(values: Sequence[object], what: str) -> Array:
    """Nested lists and tuples with JAX's arrays among their numbers, as one array."""
    types = _types_in(values)
    _refuse_masks(types, what)
    if strange := types & _NO_NUMBERS:
        raise TypeError(f"{what}: got {strange.pop().__name__} among the numbers; {_EXPECTED}")
    try:
        return jnp.asarray(jax.tree.map(_as_jax_reads_it, values))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}; {_EXPECTED}") from error


def _as_jax_reads_it(leaf: Any) -> Any:
    """JAX takes NumPy's numbers in the machine's byte order only, and none beyond its own."""
    if not isinstance(leaf, (np.ndarray, np.generic)):
        return leaf
    native = leaf.dtype.newbyteorder("=")
    shorter = _SHORTER.get(native, native)
    if native.kind in "iu" and native.itemsize == 8:  # else it would keep the last 32 bits
        shorter = np.float64
    return leaf if leaf.dtype == shorter else leaf.astype(shorter)


def _described(values: object, array: np.ndarray) -> str:
    kind = f"{type(values).__name__} of dtype {array.dtype}"
    if array.dtype != object:
        return kind
    if hasattr(values, "toarray"):
        return f"{type(values).__name__}, which is sparse: use .toarray()"
    strange = {type(entry).__name__ for entry in array.flat if not isinstance(entry, (int, float))}
    held = ", ".join(sorted(strange)) or "Python numbers: use astype(float)"
    return f"{kind}, which holds {held}"


def _unreadable(values: object, what: str, error: Exception) -> str:
    kind = type(values)
    told = f"{what}: got {kind.__name__}, which NumPy cannot read ({error}); {_EXPECTED}"
    leaves = jax.tree.leaves(values) if isinstance(values, (list, tuple)) else [values]
    bases = {base.__module__.partition(".")[0] for leaf in leaves for base in type(leaf).__mro__}
    if "torch" not in bases:
        return told
    return (
        f"{told}. `bridge.jax2torch` makes a function of tensors of one of arrays, with gradients; "
        "without gradients, pass `tensor.detach().cpu().double().numpy()`"
    )


def common_dtype(*arrays: Array | np.ndarray) -> np.dtype:
    """The widest dtype of those numbers, vectors, or batches of them, that have any components."""
    dtypes = [array.dtype for array in arrays if array.shape[-1:] != (0,)]
    return np.result_type(*dtypes or [array.dtype for array in arrays])


def check_key(key: object) -> None:
    """Require one random key, of either kind.

    Raises:
        TypeError: for what is no key.
        ValueError: for several keys, and numbers of another length.
    """
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    raw = isinstance(key, (jax.Array, np.ndarray)) and key.dtype == np.uint32
    expected = "key: expected one JAX random key, jax.random.key(seed)"
    if not typed and not raw:
        raise TypeError(f"{expected}, got {key!r}")
    kind = jax.config.jax_default_prng_impl  # type: ignore[attr-defined]
    length = () if typed else (2,) if kind == "threefry2x32" else (4,)
    if key.shape != length:  # type: ignore[attr-defined]
        raise ValueError(
            f"{expected}, got an array of shape {key.shape}; "  # type: ignore[attr-defined]
            "for several keys use `jax.vmap`"
        )


def in_order(names: Sequence[str]) -> str:
    """How an error message tells which numbers are expected."""
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"They are, in order: {shown or 'none'}"


def enumerated(names: Sequence[str]) -> str:
    """How an error message lists names: as Python would, but no more than eight."""
    return "[" + ", ".join(map(repr, names[:8])) + (", ...]" if len(names) > 8 else "]")


def counted(number: int, noun: str) -> str:
    """How a message counts things: "1 qubit", "2 qubits"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def check_length(values: Float[Array, "..."], length: int, what: str, remedy: str) -> None:
    """Require a vector of this length.

    Raises:
        ValueError: otherwise; says what was got and expected.
    """
    if values.shape != (length,):
        raise ValueError(
            f"{what}: expected an array of shape ({length},), got {values.shape}. {remedy}"
        )


def check_known_finite(values: Array, what: str) -> None:
    """Require finite numbers, where they are known: samples cannot say that one was missing.

    Raises:
        ValueError: for NaN and infinity.
    """
    if not isinstance(values, jax.core.Tracer) and not np.isfinite(values).all():
        raise ValueError(f"{what}: holds NaN or infinity; expected finite numbers")
