"""Floor 8. (header, payload) <-> bytes that know what they are and whether they are whole."""

import hashlib
import json
import os
from pathlib import Path

_MAGIC, _VERSION = b"QJAXNET", b"1"
_DIGEST = 32  # bytes of a SHA-256
_LENGTH = 4  # bytes of the header's length, little-endian


def pack(header: dict[str, object], payload: bytes) -> bytes:
    """Magic, format version, SHA-256 of the rest; length of the header, header as JSON, payload."""
    text = json.dumps(header).encode()
    body = len(text).to_bytes(_LENGTH, "little") + text + payload
    return _MAGIC + _VERSION + hashlib.sha256(body).digest() + body


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; of one that `pack` did not make, which may be endless, the first few."""
    with Path(path).open("rb") as file:
        start = file.read(len(_MAGIC))
        return start + file.read() if start == _MAGIC else start


def unpack(data: bytes, what: str) -> tuple[dict[str, object], bytes, str]:
    """The way back: header, payload and, to tell contents apart, the checksum.

    Raises:
        ValueError: for bytes that `pack` did not make, another format version, or damage; calls
            them `what`.
    """
    if not data.startswith(_MAGIC):
        raise ValueError(
            f"{what}: not a network saved by qjax.export (it starts with {data[:7]!r}, "
            f"expected {_MAGIC!r})"
        )
    start = len(_MAGIC) + len(_VERSION)
    if (version := data[len(_MAGIC) : start]) != _VERSION:
        raise ValueError(
            f"{what}: saved in format {version!r}, this version of qjax reads {_VERSION!r}; "
            "install the version that saved it, or export the network anew"
        )
    digest, body = data[start : start + _DIGEST], data[start + _DIGEST :]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError(
            f"{what}: damaged ({len(data)} bytes that do not match their checksum); copy the file "
            "again, in binary mode, or export the network anew"
        )
    length = int.from_bytes(body[:_LENGTH], "little")
    end = _LENGTH + length
    if len(body) < end:
        raise ValueError(
            f"{what}: damaged, as its header of {length} bytes is longer than the rest of the "
            "file; export the network anew"
        )
    return _parsed(body[_LENGTH:end], what), body[end:], digest.hex()


def _parsed(text: bytes, what: str) -> dict[str, object]:
    try:
        return json.loads(
            text.decode(), object_pairs_hook=_with_unique_names, parse_constant=_refuse
        )
    except RecursionError:
        reason = "it is nested too deep"
    except ValueError as error:  # of Unicode, or of JSON
        reason = str(error)
    raise ValueError(f"{what}: damaged, as its header is none: {reason}; export the network anew")


def _with_unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no value of a header")
