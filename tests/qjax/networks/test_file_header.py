"""`load` of crafted files: their checksum is right, their contents are not."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qjax
from qjax._networks.file_format import pack, unpack
from qjax._networks.file_header import CHECKS
from qjax._networks.saving import Description
from tests.qjax.qnns import estimator


@pytest.fixture(scope="module")
def saved() -> bytes:
    return qjax.export(estimator("tutorial"), batch_size=4)


def sealed(body: bytes) -> bytes:
    return b"QJAXNET1" + hashlib.sha256(body).digest() + body


def with_header(text: bytes, saved: bytes) -> bytes:
    return sealed(len(text).to_bytes(4, "little") + text + unpack(saved, "it")[1])


def test_every_field_is_checked() -> None:
    assert list(CHECKS) == [field.name for field in fields(Description)]


@pytest.mark.parametrize(
    "change",
    [
        {"num_inputs": 3},
        {"num_inputs": True},
        {"num_weights": 10**30},
        {"num_weights": None},
        {"output_shape": [3]},
        {"output_shape": []},
        {"output_shape": 2},
        {"output_shape": [-2]},
        {"output_shape": [[2]]},
        {"dtype": "float64"},
        {"dtype": "mars"},
        {"dtype": ["float32"]},
        {"batch_size": 0},
        {"batch_size": 5},
        {"batch_size": 4.0},
        {"platforms": "cpu"},
        {"platforms": ["mars"]},
        {"platforms": ["cuda"]},
        {"platforms": []},
        {"vjp_order": 0},
        {"vjp_order": 10**9},
        {"input_params": ["a"]},
        {"input_params": [1, 2]},
        {"weight_params": "abcd"},
        {"weight_params": ["\ud800"] * 4},
        {"input_gradients": 1},
        {"sparse": "no"},
        {"num_qubits": -1},
        {"num_qubits": 10**30},
        {"versions": [["jax"]]},
        {"versions": {"jax": "0.10"}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_fields_with_other_contents(change: dict[str, Any], saved: bytes) -> None:
    header, program, _ = unpack(saved, "it")
    with pytest.raises(ValueError, match=r"these \d+ bytes: (its|it has)"):
        qjax.load(pack({**header, **change}, program))


@pytest.mark.parametrize("name", list(CHECKS))
def test_missing_fields(name: str, saved: bytes) -> None:
    header, program, _ = unpack(saved, "it")
    del header[name]
    with pytest.raises(ValueError, match="its header holds"):
        qjax.load(pack(header, program))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"dtype": 1, "dtype": 2}',
        b"NaN",
        b'{"num_inputs": Infinity}',
        b"\xff\xfe",
        b"9" * 10_000,
        json.dumps({}).encode("utf-16"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_headers_that_are_none(text: bytes, saved: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        qjax.load(with_header(text, saved))


def test_lengths_that_are_none(saved: bytes) -> None:
    for body in (b"", b"\0", b"\xff" * 4, b"\xff" * 4 + saved[44:]):
        with pytest.raises(ValueError, match="header"):
            qjax.load(sealed(body))


def test_programs_of_other_networks(saved: bytes) -> None:
    header, _, _ = unpack(saved, "it")
    arrays = jax.ShapeDtypeStruct((4,), np.float32), jax.ShapeDtypeStruct((4, 2), np.float32)
    for function in (
        lambda weights, inputs: {"a": inputs},
        lambda weights, inputs: inputs[0],
        lambda weights, inputs: (inputs, inputs),
    ):
        program = bytes(jax.export.export(jax.jit(function))(*arrays).serialize(vjp_order=1))
        with pytest.raises(ValueError, match="its program takes"):
            qjax.load(pack(header, program))
    program = bytes(jax.export.export(jax.jit(jnp.sin))(arrays[0]).serialize())
    with pytest.raises(ValueError, match="its program takes"):
        qjax.load(pack(header, program))


def test_random_changes(saved: bytes) -> None:
    """Whatever is changed, with and without the checksum: it loads, or a ValueError says why."""
    changes = random.Random(0)
    body = saved[40:]
    for count in range(600):
        whole = count % 2
        changed = bytearray(saved if whole else body)
        for _ in range(changes.choice([1, 3, 30])):
            changed[changes.randrange(len(changed) >> changes.randrange(6))] = changes.randrange(
                256
            )
        try:
            found = qjax.load(bytes(changed) if whole else sealed(bytes(changed)))
        except ValueError:
            continue
        assert (found.num_inputs, found.num_weights, found.output_shape) == (2, 4, (2,))
