"""Files that are damaged, cut off, foreign, or lie about what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import qjax


@pytest.mark.parametrize("place", [7, 20, 45, 300, -1], ids=str)
def test_damage_is_noticed(saved: bytes, place: int) -> None:
    changed = bytearray(saved)
    changed[place] ^= 1
    with pytest.raises(ValueError, match=r"these \d+ bytes: (damaged|saved in format)"):
        qjax.load(bytes(changed))


@pytest.mark.parametrize("kept", [8, 30, 44, 500])
def test_cut_off_files_are_noticed(saved: bytes, kept: int, tmp_path: Path) -> None:
    path = tmp_path / "network.qjax"
    path.write_bytes(saved[:kept])
    with pytest.raises(ValueError, match=r"network\.qjax: damaged"):
        qjax.load(path)


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"PK\x03\x04"], ids=repr)
def test_foreign_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a network saved by qjax\.export"):
        qjax.load(data)


def test_endless_files_are_not_read() -> None:
    with pytest.raises(ValueError, match=r"/dev/zero: not a network saved by qjax\.export"):
        qjax.load("/dev/zero")


@dataclass
class Foreign:
    """The sum of the inputs, times the weight."""

    output_shape: Any = 1
    num_inputs: Any = 2
    num_weights: Any = 1

    def apply(self, weights: jax.Array, inputs: jax.Array) -> jax.Array:
        return weights[0] * jnp.sum(inputs, axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", [2, (), (1, 1)])
def test_a_network_of_another_shape_than_it_says(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"network: Foreign: its program .* returns"):
        qjax.export(Foreign(output_shape=shape), batch_size=3, vjp_order=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_inputs": 2.0}, r"Foreign\.num_inputs: .*2\.0"),
        ({"num_weights": True}, "Foreign.num_weights: .*True"),
        ({"num_weights": -1}, "Foreign.num_weights: .*-1"),
        ({"output_shape": (2, "a")}, "Foreign.output_shape.*'a'"),
        ({"output_shape": None}, "Foreign.output_shape.*None"),
    ],
)
def test_sizes_that_are_none(change: dict[str, Any], message: str) -> None:
    for call in (qjax.export, lambda network: qjax.evaluate(network, [1.0], [0.0, 0.0])):
        with pytest.raises(ValueError, match=message):
            call(Foreign(**change))


def test_every_kind_of_bytes(saved: bytes) -> None:
    for data in (bytearray(saved), memoryview(saved)):
        assert qjax.load(data) == qjax.load(saved)
    with pytest.raises(TypeError, match="source: expected a path or bytes, got int"):
        qjax.load(3)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="nowhere"):
        qjax.load("nowhere")
