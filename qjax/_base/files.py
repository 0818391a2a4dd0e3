"""Floor 0. A path -> a file that is there only when it is complete, whoever else writes there."""

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

try:
    import fcntl
except ImportError:  # a system without it: what dead writers left stays
    fcntl = None  # type: ignore[assignment]

# A part from another kernel is left alone for so long: not every shared folder shares its locks.
_ABANDONED = 24 * 3600.0

_LONGEST_STEM = 200  # bytes; names may have 255

# What file systems without hard links answer.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})


@dataclass(frozen=True)
class NewFile:
    """A file that is written.

    Attributes:
        path: its name, once it is complete.
        part: its name until then.
        size: how many bytes it will have.
        file: what is written to.
    """

    path: Path
    part: Path
    size: int
    file: IO[bytes]

    def write(self, data: bytes | np.ndarray) -> None:
        """Append bytes, or the numbers of a contiguous array.

        Raises:
            OSError: names path, size and cause.
        """
        with _named(self.path, self.size):
            self.file.write(data)  # type: ignore[arg-type]

    def reserve(self) -> None:
        """Have all bytes of the file, so that none is missing while it is mapped.

        Raises:
            OSError: as `write`: where there is no room for them.
        """
        with _named(self.path, self.size):
            self.file.flush()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self.file.fileno(), 0, self.size)
            else:
                os.truncate(self.file.fileno(), self.size)

    def flush(self) -> None:
        """Make what was written visible at `part`; errors as `write`."""
        with _named(self.path, self.size):
            self.file.flush()


@contextmanager
def new_file(path: Path, overwrite: bool, size: int) -> Iterator[NewFile]:
    """A binary file that appears under its name only when it is complete.

    Until then it is a part beside it, which goes where the writer fails. Any number of threads,
    processes and machines may write to one name: the last one wins, or with `overwrite=False` the
    first. What writers that were killed left for this name is removed; a part that is being written
    is locked, by which it is known.

    Args:
        path: its name.
        overwrite: whether a file that exists is replaced.
        size: how many bytes it will have, for errors.

    Raises:
        FileExistsError: for a file that exists, without `overwrite`.
        OSError: for one that cannot be written; names path, size and cause.
    """
    with _named(path, size):
        _check_free(path, overwrite)
        _remove_abandoned(path)
        part, lock = _new_part(path)
        # By a second descriptor: closing the file leaves the lock.
        file = os.fdopen(os.dup(lock), "wb")
    try:
        yield NewFile(path, part, size, file)
        with _named(path, size):
            file.close()
            _publish(part, path, overwrite)
    finally:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)
        os.close(lock)


def _check_free(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder has this name; choose another", str(path))
    if not overwrite and path.exists():
        raise _exists(path)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(f"{path} exists; remove it, choose another name, or overwrite=True")


@contextmanager
def _named(path: Path, size: int) -> Iterator[None]:
    """Errors of the system with the path, the size and the cause."""
    try:
        yield
    except (FileExistsError, IsADirectoryError):
        raise
    except OSError as error:
        try:
            free = f"{shutil.disk_usage(path.parent).free:,} bytes"
        except OSError:
            free = "an unknown number"
        raise OSError(
            error.errno,
            f"{error.strerror or error}: a file of {size:,} bytes cannot be written here, where "
            f"{free} are free; give another path, make its folder, or make room",
            str(path),
        ) from error


def _new_part(path: Path) -> tuple[Path, int]:
    """A name that nobody else has, and the descriptor that holds its lock."""
    for _ in range(100):
        part = path.with_name(f"{_stem(path)}.{_kernel()}-{secrets.token_hex(6)}.part")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        # Before it was locked it may have been taken for abandoned.
        if _lock(descriptor) is not False and _is_there(part, descriptor):
            return part, descriptor
        os.close(descriptor)
    raise OSError(errno.EAGAIN, "others remove what is written", str(path))


def _publish(part: Path, path: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(part, path)  # fails where the name is taken, as one step
        except FileExistsError:
            raise _exists(path) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Nothing else is atomic there, so that two who write at once may both succeed.
            _check_free(path, overwrite)
        else:
            return
    part.replace(path)


def _remove_abandoned(path: Path) -> None:
    """Remove parts for this name whose writers are dead."""
    if fcntl is None:
        return
    name = re.compile(re.escape(_stem(path)) + r"\.([0-9a-f]{8})-[0-9a-f]{12}\.part")
    with os.scandir(path.parent) as entries:
        parts = [(entry, match) for entry in entries if (match := name.fullmatch(entry.name))]
    for entry, match in parts:
        with suppress(OSError):  # it is gone, or somebody else's
            if match[1] == _kernel() or time.time() - entry.stat().st_mtime > _ABANDONED:
                _remove_unlocked(Path(entry.path))


def _remove_unlocked(part: Path) -> None:
    descriptor = os.open(part, os.O_RDWR)
    try:
        if _lock(descriptor):
            part.unlink()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Whether this descriptor has the lock of its file now; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_there(part: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(part.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _stem(path: Path) -> str:
    name = os.fsencode(path.name)
    return path.name if len(name) <= _LONGEST_STEM else hashlib.sha256(name).hexdigest()


@cache
def _kernel() -> str:
    """What holds the locks: containers share it, machines do not, nor one machine started anew."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:8]
