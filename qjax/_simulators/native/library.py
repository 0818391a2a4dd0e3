"""Floor 4. The compiled kernels: whether this machine has them, and how XLA finds them."""

import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jax
import numpy as np

from qjax._base import tuning

_FILE = "libqjax_native.so"
_KERNELS = (
    "State",
    "PullBackState",
    "Values",
    "ValuesAndTiles",
    "PullBackValues",
    "RunTiles",
    "UndoTiles",
    "ReadTiles",
    "ReadTilesBack",
    "Transpose",
    "Superoperators",
    "PullBackSuperoperators",
    "Draw",
    "Trajectories",
    "PullBackTrajectories",
)
_PREFIX = "qjax_"
_FORMAT = 7  # `kFormat` of `program.h`
_SWITCH = "QJAX_ENGINE"
_FOR_TESTS = "QJAX_NATIVE_LIBRARY"
_SUFFIXES = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}


def why_not(asked: bool = False) -> str | None:
    """Why programs that are traced now do not run on the kernels; None where they do.

    Args:
        asked: whether the native engine was asked for, whatever QJAX_ENGINE says.

    Raises:
        ValueError: for another value of QJAX_ENGINE than "native" and "xla".
    """
    chosen = os.environ.get(_SWITCH, "native")
    if chosen not in ("native", "xla"):
        raise ValueError(f"{_SWITCH}: got {chosen!r}; expected 'native' or 'xla'")
    if chosen == "xla" and not asked:
        return f"{_SWITCH}=xla"
    if not tuning.of_backend(jax.default_backend()).has_kernels:
        return "JAX's default backend is not a CPU"
    mesh = jax.sharding.get_abstract_mesh()
    if set(mesh.axis_names) != set(mesh.manual_axes):  # else each device has a block of its own
        return "a mesh of devices is in use"
    return why_missing()


@cache
def why_missing() -> str | None:
    """Why there are no kernels; None where there are, and XLA knows them from then on."""
    file = next(_files(), None)
    if file is None:
        return (
            "the kernels were not compiled when the package was installed: with a C++ compiler at "
            "hand, install it again"
        )
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:
        return f"the kernels cannot be loaded: {error}"
    names = [name + suffix for name in _KERNELS for suffix in _SUFFIXES.values()]
    is_ours = getattr(library, "QjaxFormat", int)() == _FORMAT
    if not is_ours or not all(hasattr(library, f"Qjax{name}") for name in names):
        return "the kernels were compiled for another version of the package: install it again"
    for name in names:
        function = jax.ffi.pycapsule(getattr(library, f"Qjax{name}"))
        jax.ffi.register_ffi_target(_PREFIX + name, function, platform="cpu")
    return None


def _files() -> Iterator[Path]:
    """The library: beside this file, or, installed in place, where packages are installed.

    A build for tests, such as one with sanitizers, is named by an environment variable.
    """
    if _FOR_TESTS in os.environ:
        return iter([Path(os.environ[_FOR_TESTS])])
    package = sys.modules[__name__.rpartition(".")[0]]
    return (file for folder in package.__path__ if (file := Path(folder) / _FILE).is_file())


def target(name: str, dtype: np.dtype) -> str:
    """What XLA calls a kernel, for numbers of a dtype."""
    return _PREFIX + name + _SUFFIXES[np.dtype(dtype)]
