"""Floor 0. Tables: frozen dataclasses that are pytrees of arrays; the precision of those.

Arrays are leaves; what is `static` decides about what is compiled.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np

T = TypeVar("T")


def static() -> Any:
    """A field that is no array: it decides about what is compiled."""
    return field(metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static,))
def table_class(cls: type[T]) -> type[T]:
    """A frozen dataclass that is a pytree of its tables."""
    return jax.tree_util.register_dataclass(dataclass(frozen=True, eq=False)(cls))


def in_precision(tables: T, x64: bool) -> T:
    """New tables, of the dtypes that JAX has with or without its x64 flag.

    JAX 0.10 takes a NumPy array that it has seen with the flag to be the same one without it.

    Raises:
        ValueError: for a finite number that is beyond single precision.
    """
    single = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}

    def convert(table: np.ndarray) -> np.ndarray:
        if x64 or table.dtype not in single:
            return table.copy()
        with np.errstate(over="ignore"):
            converted: np.ndarray = table.astype(single[table.dtype])
        beyond = ~np.isfinite(converted)
        if beyond.any() and np.isfinite(table[beyond]).any():
            raise ValueError(
                f"{np.abs(table[beyond]).max():.3g}, a coefficient of an observable or another "
                "number of the circuit, is beyond float32, which ends at 3.4e38; scale it down, or "
                "compute in double: with jax_enable_x64, and float64 parameters"
            )
        return converted

    return jax.tree.map(convert, tables)
