"""Floor 1. torch.Tensor <-> jax.Array, sharing memory."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter, ne
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jaxtyping import PyTree, Shaped
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils.dlpack import from_dlpack as from_capsule

from bridge._process import check_process

INTEGERS = frozenset(
    {
        torch.uint8,
        torch.uint16,
        torch.uint32,
        torch.uint64,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    }
)

_NUMPY_FLOATS = frozenset({torch.float16, torch.float32, torch.float64})

NUMPY_DTYPES = INTEGERS | _NUMPY_FLOATS | {torch.bool, torch.complex64, torch.complex128}
"""Torch dtypes that NumPy has as well."""

FLOATS = _NUMPY_FLOATS | {torch.bfloat16}

DTYPES = NUMPY_DTYPES | FLOATS
"""Torch dtypes that cross the bridge."""

WIDE_DTYPES = frozenset(
    {torch.float64, torch.complex128, torch.int64, torch.uint64},
)
"""Torch dtypes that JAX narrows unless 64-bit mode is on."""


def jax_dtype(dtype: torch.dtype) -> np.dtype:
    """JAX's name for a torch dtype.

    Raises:
        TypeError: JAX lacks it.
    """
    if dtype not in DTYPES:
        raise TypeError(f"JAX and torch share no dtype for {dtype}: cast the tensor first")
    return jnp.dtype(str(dtype).removeprefix("torch."))


def torch_dtype(dtype: np.dtype) -> torch.dtype:
    """Torch's name for a JAX dtype.

    Raises:
        TypeError: torch lacks it.
    """
    if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        raise TypeError(f"torch has no dtype for {dtype}: take jax.random.key_data(key)")
    known = getattr(torch, dtype.name, None)
    if known not in DTYPES:
        raise TypeError(f"torch has no dtype for {dtype}: cast the array first")
    return known


@torch.compiler.disable
def to_jax(tensor: PyTree[Shaped[torch.Tensor, ...]]) -> PyTree[Shaped[jax.Array, ...]]:
    """The same numbers as JAX arrays, for one tensor or any pytree of tensors.

    Dtype, shape and device are kept; float64, complex128, int64 and uint64 stay 64 bits wide
    whatever JAX's x64 flag says (operations on the result narrow it again unless they run with
    the flag or inside `jax.enable_x64(True)`).

    Memory is shared through DLPack: JAX takes arrays for immutable, so a tensor must not be
    written in place while the array is in use. A copy is made when the tensor's elements are
    not one dense block (expanded, strided), when a conjugate or negative bit is set, and when
    the memory is not aligned to 64 bytes (CPU).

    Raises:
        TypeError: a leaf is not a tensor, or has a layout or dtype that JAX lacks.
        ValueError: a tensor requires grad (the array would be cut off from the graph), or lives
            on a device JAX can't use.
    """
    check_process()
    return jax.tree.map(_export, tensor)


@torch.compiler.disable
def to_torch(array: PyTree[Shaped[jax.Array, ...]]) -> PyTree[Shaped[torch.Tensor, ...]]:
    """The same numbers as torch tensors, for one JAX array or any pytree of them.

    Dtype, shape and device are kept. Memory is shared through DLPack, and the call waits for
    the value: write to the tensor in place only if nothing else uses the array (`.clone()`
    otherwise), because JAX takes arrays for immutable.

    Raises:
        TypeError: a leaf is not a JAX array, is a tracer, or has a dtype that torch lacks.
        ValueError: an array is spread over several devices.
    """
    check_process()
    return jax.tree.map(_import, array)


def needs_wide(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether JAX has to be in 64-bit mode for these: it is anyway, or one of them is wide."""
    if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        return True
    return any(tensor.dtype in WIDE_DTYPES for tensor in tensors)


def borrow(tensors: tuple[torch.Tensor, ...]) -> list[Any]:
    """Tensors as arguments of a compiled JAX function that runs now, checked to share a device.

    NumPy views serve on the CPU: a compiled call takes them faster than a DLPack capsule. The
    caller has to wait for the results before it lets anybody write to the tensors.
    """
    try:
        arrays = list(map(_borrowed, tensors))
    except (RuntimeError, TypeError):
        for tensor in tensors:
            check_form(tensor, "an argument")  # torch's own words tell little of such
            check_values(tensor, "an argument")
        raise
    if any(map(ne, map(_get_device, tensors), map(_get_device, tensors[1:]))):
        devices = ", ".join(sorted({str(tensor.device) for tensor in tensors}))
        raise ValueError(
            f"tensors on several devices: got {devices}, expected one: move them with .to(device)"
        )
    return arrays


def _borrowed(tensor: torch.Tensor) -> Any:
    if tensor.is_cpu and tensor.dtype in NUMPY_DTYPES and tensor.is_contiguous():
        return tensor.numpy(force=True)
    return _export(tensor.detach())


def adopt(arrays: list[jax.Array], lenders: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Fresh results of a compiled call as tensors, once they are computed.

    A result that is one of the `lenders` handed through, or that comes twice, is copied: torch
    would write through it otherwise, behind autograd's back.
    """
    on_cpu = bool(lenders) and lenders[0].is_cpu
    taken = set(map(torch.Tensor.data_ptr, lenders))
    tensors = []
    for array in arrays:
        try:
            tensor = from_capsule(array.__dlpack__()) if on_cpu else torch.from_dlpack(array)
        except _NOT_TAKEN:
            torch_dtype(array.dtype)  # raises where it is that
            if len(array.devices()) == 1:
                raise
            tensor = torch.from_dlpack(jax.device_put(array, min(array.devices(), key=_number)))
        address = tensor.data_ptr()
        tensors.append(tensor.clone() if address in taken and address else tensor)
        taken.add(address)
    return tensors


_get_device = attrgetter("device")
_number = attrgetter("id")

# What the two libraries raise for a dtype that one of them lacks.
_NOT_TAKEN = (TypeError, ValueError, RuntimeError, BufferError, AttributeError)


def _export(tensor: torch.Tensor) -> jax.Array:
    _check_tensor(tensor)
    tensor = tensor.resolve_conj().resolve_neg()
    if not _is_dense(tensor):
        tensor = tensor.contiguous()
    with jax.enable_x64(needs_wide((tensor,))):
        if tensor.is_cpu and tensor.dtype in NUMPY_DTYPES and tensor.is_contiguous():
            # As DLPack does, but bound to no device: a jitted step that takes such an array and
            # returns one that is bound would compile twice.
            return jax.device_put(tensor.numpy(), _cpu(), may_alias=True)
        return jax.dlpack.from_dlpack(tensor)


def _cpu() -> jax.Device | None:
    """None where the CPU is JAX's default device."""
    return None if jax.default_backend() == "cpu" else jax.devices("cpu")[0]


def _check_tensor(tensor: Any) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"to_jax takes tensors, got {type(tensor).__name__}")
    if torch.func.debug_unwrap(tensor) is not tensor:
        raise TypeError(
            "to_jax inside a torch.func transform would drop the transform: "
            "wrap the JAX function with jax2torch and call that instead"
        )
    check_form(tensor, "the tensor")
    check_values(tensor, "the tensor")
    jax_dtype(tensor.dtype)
    if tensor.requires_grad:
        raise ValueError(
            "the tensor requires grad and a JAX array can't carry its graph: "
            "use jax2torch to differentiate, or tensor.detach() to leave the graph"
        )
    check_device(tensor.device)


def check_form(tensor: torch.Tensor, what: str) -> None:
    """Require a tensor that is one dense block of numbers, all of which count.

    Raises:
        TypeError: a sparse, nested or masked one.
    """
    if tensor.layout is not torch.strided or tensor.is_nested:
        if tensor.is_nested:
            remedy = "pad it by torch.nested.to_padded_tensor(tensor, 0.0), or go row by row"
            raise TypeError(f"{what} is nested, which JAX has no arrays for: {remedy}")
        raise TypeError(f"{what} is {tensor.layout}, JAX has dense arrays: call to_dense() first")
    if type(tensor) is not torch.Tensor and isinstance(tensor, torch.masked.MaskedTensor):
        raise TypeError(
            f"{what} is masked, and its mask would be lost: call to_tensor(value) first"
        )


def check_values(tensor: torch.Tensor, what: str) -> None:
    """Require a tensor that has values; ValueError otherwise."""
    if isinstance(tensor, FakeTensor) or tensor.is_meta:
        kind = "fake" if isinstance(tensor, FakeTensor) else "meta"
        raise ValueError(f"{what} needs values, got {kind} ones: pass a tensor on cpu or cuda")


def check_device(device: torch.device) -> None:
    """Require a device that JAX can use; ValueError otherwise."""
    if device.type == "cpu":
        return
    if device.type != "cuda":
        raise ValueError(f"tensors live on cpu or cuda, got {device}: move them with .cpu()")
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        raise ValueError(
            f"the tensor is on {device} but JAX has no GPU backend: install JAX for CUDA "
            "(pip install 'qjax-bridge[cuda]') or move the tensor with .cpu()"
        ) from error


def _is_dense(tensor: torch.Tensor) -> bool:
    order = sorted(range(tensor.ndim), key=tensor.stride, reverse=True)
    return tensor.permute(order).is_contiguous()


def _import(array: Any) -> torch.Tensor:
    if isinstance(array, jax.core.Tracer):
        raise TypeError(
            "to_torch got a tracer: inside jit, grad or vmap an array has no value yet. "
            "Convert the result of the transformed function instead"
        )
    if not isinstance(array, jax.Array):
        raise TypeError(
            f"to_torch takes JAX arrays, got {type(array).__name__}: use jnp.asarray first"
        )
    if len(array.devices()) != 1:
        raise ValueError(
            f"the array is spread over {len(array.devices())} devices, expected one: "
            "gather it with jax.device_put(array, device)"
        )
    torch_dtype(array.dtype)
    return torch.from_dlpack(array)
