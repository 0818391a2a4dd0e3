"""The transport: the same numbers, dtype, shape and memory on both sides."""

from __future__ import annotations

import collections
import gc

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from bridge import to_jax, to_torch
from bridge._dlpack import check_device

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
]


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    integers = torch.randint(0, 100, shape, generator=generator)
    if dtype.is_complex:
        return torch.complex(
            integers.double(), integers.double().flip(-1) if shape else -integers.double()
        ).to(dtype)
    return (integers % 2 if dtype == torch.bool else integers).to(dtype)


LAYOUTS = {
    "plain": lambda tensor: tensor,
    "transposed": lambda tensor: tensor.transpose(0, -1) if tensor.ndim else tensor,
    "every second": lambda tensor: tensor[..., ::2] if tensor.ndim else tensor,
    "offset by one element": lambda tensor: tensor[..., 1:] if tensor.ndim else tensor,
    "expanded": lambda tensor: tensor.unsqueeze(0).expand(3, *tensor.shape),
    "one element": lambda tensor: tensor.flatten()[:1].squeeze(),
}


@hypothesis.settings(max_examples=150)
@hypothesis.given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 4), max_size=4).map(tuple),
    layout=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 9),
)
def test_round_trip(dtype: torch.dtype, shape: tuple[int, ...], layout: str, seed: int) -> None:
    tensor = LAYOUTS[layout](numbers(shape, dtype, seed))
    array = to_jax(tensor)
    assert isinstance(array, jax.Array)
    assert array.dtype.name == name(dtype)
    assert array.shape == tuple(tensor.shape)
    if dtype != torch.bfloat16:
        np.testing.assert_array_equal(np.asarray(array), tensor.numpy())
    back = to_torch(array)
    assert back.dtype == dtype
    assert back.shape == tensor.shape
    assert torch.equal(back, tensor)


TENSORS = st.builds(
    numbers, st.lists(st.integers(0, 3), max_size=3).map(tuple), st.sampled_from(DTYPES)
)
TREES = st.recursive(
    TENSORS | st.none(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=6,
)


@hypothesis.settings(max_examples=60)
@hypothesis.given(tree=TREES)
def test_round_trip_of_pytrees(tree: object) -> None:
    arrays = to_jax(tree)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(arrays))
    back = to_torch(arrays)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for new, old in zip(jax.tree.leaves(back), jax.tree.leaves(tree), strict=True):
        assert new.dtype == old.dtype
        assert torch.equal(new, old)


def test_named_tuples_keep_their_type() -> None:
    pair = collections.namedtuple("pair", ["first", "second"])
    arrays = to_jax(pair(torch.ones(2), torch.zeros(3)))
    assert isinstance(arrays, pair)
    assert isinstance(to_torch(arrays), pair)


@pytest.mark.parametrize("dtype", DTYPES, ids=name)
def test_memory_is_shared(dtype: torch.dtype) -> None:
    tensor = numbers((8, 16), dtype)
    for view in (tensor, tensor.T):
        array = to_jax(view)
        assert array.unsafe_buffer_pointer() == view.data_ptr()
        assert to_torch(array).data_ptr() == view.data_ptr()


def test_an_array_is_bound_to_no_device() -> None:
    """A jitted step of such arrays compiles once, whatever its other arguments are."""
    step = jax.jit(lambda x, y: x + y)
    x = to_jax(torch.ones(3))
    x = step(x, jnp.ones(3))
    step(x, jnp.ones(3))
    assert step._cache_size() == 1
    assert not to_jax(torch.ones(3)).committed


def test_arrays_outlive_their_tensors_and_back() -> None:
    array = to_jax(torch.arange(1000.0)[100:])
    tensor = to_torch(jnp.arange(1000.0) * 2)
    gc.collect()
    junk = [torch.full((1000,), -1.0) for _ in range(20)] + [
        jnp.full(1000, -1.0) for _ in range(20)
    ]
    np.testing.assert_array_equal(np.asarray(array), np.arange(100, 1000, dtype=np.float32))
    np.testing.assert_array_equal(tensor.numpy(), 2 * np.arange(1000, dtype=np.float32))
    del junk


def test_conjugate_and_negative_bits_are_resolved() -> None:
    tensor = torch.tensor([1 + 2j, 3 - 4j])
    assert tensor.conj().is_conj()
    np.testing.assert_array_equal(np.asarray(to_jax(tensor.conj())), [1 - 2j, 3 + 4j])
    assert tensor.conj().imag.is_neg()
    np.testing.assert_array_equal(np.asarray(to_jax(tensor.conj().imag)), [-2, 4])


def test_to_torch_waits_for_the_value() -> None:
    matrix = jnp.eye(600) * 0.5
    slow = jax.jit(lambda m: jax.lax.fori_loop(0, 30, lambda _, value: value @ m + m, m))
    tensor = to_torch(slow(matrix))
    assert torch.equal(tensor.diagonal(), torch.full((600,), float(tensor[0, 0])))
    assert float(tensor[0, 0]) == pytest.approx(1.0, abs=1e-6)


def test_wide_tensors_stay_wide_without_the_flag() -> None:
    assert not jax.config.jax_enable_x64
    assert to_jax(torch.tensor([1 / 3], dtype=torch.float64)).dtype == np.float64
    assert int(np.asarray(to_jax(torch.tensor([2**40])))[0]) == 2**40


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ([1.0], TypeError, "to_jax takes tensors, got float"),
        (np.ones(2), TypeError, "to_jax takes tensors, got ndarray"),
        (torch.ones(2, requires_grad=True), ValueError, "use jax2torch to differentiate"),
        (torch.eye(2).to_sparse(), TypeError, "call to_dense"),
        (torch.ones(2, device="meta"), ValueError, "got meta"),
        (torch.ones(2).to(torch.float8_e4m3fn), TypeError, "cast the tensor first"),
    ],
    ids=["float", "ndarray", "requires_grad", "sparse", "meta", "float8"],
)
def test_bad_tensors(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_jax(value)


def test_to_jax_refuses_to_drop_a_transform() -> None:
    with pytest.raises(TypeError, match="would drop the transform"):
        torch.func.vmap(to_jax)(torch.ones(3, 2))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones(2), TypeError, "to_torch takes JAX arrays, got ndarray"),
        (1.0, TypeError, "to_torch takes JAX arrays, got float"),
        (torch.ones(2), TypeError, "to_torch takes JAX arrays, got Tensor"),
    ],
    ids=["ndarray", "float", "tensor"],
)
def test_bad_arrays(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        to_torch(value)


def test_arrays_of_a_dtype_that_torch_lacks() -> None:
    with pytest.raises(TypeError, match="torch has no dtype for key<fry>"):
        to_torch(jax.random.key(0))
    with pytest.raises(TypeError, match="torch has no dtype for int4"):
        to_torch(jnp.zeros(2, "int4"))


def test_tracers_have_no_value() -> None:
    with pytest.raises(TypeError, match="got a tracer"):
        jax.jit(to_torch)(jnp.ones(2))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="JAX has a GPU")
def test_a_gpu_tensor_without_a_gpu_backend() -> None:
    with pytest.raises(ValueError, match="on cuda:0 but JAX has no GPU backend: install JAX"):
        check_device(torch.device("cuda:0"))
