"""Floor 0. A folder -> compiled programs survive the process."""

import os
import tempfile
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache


def enable_compilation_cache(path: str | os.PathLike[str] | None = None) -> Path:
    """Keep compiled programs in a folder, for this and later processes.

    JAX's persistent compilation cache, switched on in one call, for every program whatever its
    size. A later process still plans and traces a circuit, and reads from the folder what it would
    have compiled. The setting is JAX's, so it holds for all JAX code of the process; what was
    compiled before the call is not stored.

    An entry is found again for the same program (circuit, shapes, dtypes, derivative), the same
    versions of jax and jaxlib, the same kind of device and the same XLA flags. Anything else
    compiles and adds an entry: a stale one is never used, only left over. Entries are not removed
    (JAX's setting `jax_compilation_cache_max_size` limits them); deleting the folder is safe. Keep
    it where only you may write, since what lies in it is run.

    Args:
        path: the folder, made if missing. Default: the one JAX has been told of
            (`JAX_COMPILATION_CACHE_DIR`), else `$XDG_CACHE_HOME/qjax`, else `~/.cache/qjax`.

    Returns:
        the folder.

    Raises:
        ValueError: for a remote address, and an empty path.
        TypeError: for what is no path.
        OSError: for a folder that cannot be made or written to, or that is a file.
    """
    folder = _local(path if path is not None else _default_folder())
    _check_writable(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_enable_compilation_cache", True)
    # By default JAX stores only what took a second to compile; -1 also lifts the backend's limit.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # JAX looks at its settings once, at the first compilation, which may be past.
    compilation_cache.reset_cache()
    return folder


def _default_folder() -> str | Path:
    told: str | None = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    return told or cache_folder()


def cache_folder() -> Path:
    """Where this package keeps files for the user, which may be deleted; it may not exist yet."""
    # The XDG specification: relative paths are to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "qjax"


def _local(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"path: expected a folder as a string or pathlib.Path, got {path!r}")
    if not os.fspath(path):
        raise ValueError("path: got an empty string; expected a folder, or None for the default")
    if "://" in os.fspath(path):
        raise ValueError(
            f"path: got the remote address {path}; expected a local folder. For a remote one, set "
            "jax_compilation_cache_dir in jax.config"
        )
    return Path(path).expanduser().absolute()


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"compiled programs cannot be kept here ({error.strerror}); give another path"
        raise OSError(error.errno, reason, str(folder)) from error
