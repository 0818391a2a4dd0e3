"""Section `bridge`: memory that is shared, and networks in torch, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli
from torch.autograd import gradcheck, gradgradcheck

import qjax
from bridge import TorchConnector, jax2torch, to_jax, to_torch
from tests.benchmarks.device.task import Row, Skipped, Task, described
from tests.circuits import classifier, error, state_of, value_of

DTYPES = (torch.float32, torch.float64, torch.complex64, torch.int32)
LABELS = ("ZZ", "IX")
SINGLE, DOUBLE = 1e-5, 1e-10
BUSY_SIZE, BUSY_PRODUCTS = 2048, 30

Check = Callable[[torch.device], Row]


def run(task: Task) -> None:
    device = device_of_torch()
    task.tell("device", torch=str(device), jax=str(jax.devices()[0]))
    for key, check in CHECKS.items():
        if task.quick and check in SLOW:
            task.tell(key, skipped="slow: not among the quick ones")
        else:
            task.check(key, partial(check, device))


def device_of_torch() -> torch.device:
    """The GPU, where torch and JAX both have one."""
    both = torch.cuda.is_available() and jax.default_backend() == "gpu"
    return torch.device("cuda", 0) if both else torch.device("cpu")


# ---------------------------------------------------------------- memory


def shared_with_jax(device: torch.device) -> Row:
    """The array begins where the tensor does, rows or columns first, and holds its numbers."""
    found = {}
    for dtype in DTYPES:
        tensor = torch.arange(128, device=device).reshape(8, 16).to(dtype)
        for name, view in (("rows", tensor), ("columns", tensor.T)):
            array = to_jax(view)
            same = array.unsafe_buffer_pointer() == view.data_ptr()
            equal = np.array_equal(np.asarray(array), view.cpu().numpy())
            found[f"{dtype}, {name}".removeprefix("torch.")] = same and equal
    return {"passed": all(found.values()), "aliased": found}


def shared_with_torch(device: torch.device) -> Row:
    """The tensor begins where the array does, and stays on its device."""
    place = jax.devices("gpu" if device.type == "cuda" else "cpu")[0]
    array = jax.device_put(jnp.arange(128, dtype=jnp.float32) * 2, place)
    tensor = to_torch(array)
    aliased = tensor.data_ptr() == array.unsafe_buffer_pointer()
    equal = np.array_equal(tensor.cpu().numpy(), np.asarray(array))
    return {"passed": aliased and equal and tensor.device == device, "aliased": aliased}


def order_of_work(device: torch.device) -> Row:
    """A tensor that is still being computed crosses with the numbers that it will have.

    On torch's stream and on another one; and so does a result that torch takes at once.
    """
    if device.type != "cuda":
        raise Skipped("torch computes on the CPU, where nothing is ahead of its results")
    double = jax2torch(lambda values: 2 * values)
    errors = {}
    for name, stream in (("default", torch.cuda.current_stream()), ("own", torch.cuda.Stream())):
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            late = _late(device)
            crossed = np.asarray(to_jax(late))
            doubled = double(_late(device)) + 0
        torch.cuda.synchronize()
        expected = late.cpu().numpy()
        errors[name] = float(np.abs(crossed - expected).max())
        errors[f"{name}, called"] = float(np.abs(doubled.cpu().numpy() - 2 * expected).max())
    return {"passed": max(errors.values()) <= SINGLE, "errors": errors}


def _late(device: torch.device) -> torch.Tensor:
    """A tensor of 1 at the end of a row of products that takes a while."""
    matrix = torch.full((BUSY_SIZE, BUSY_SIZE), 1 / BUSY_SIZE, device=device)
    product = matrix
    for _ in range(BUSY_PRODUCTS):
        product = product @ matrix
    return product * BUSY_SIZE


# ---------------------------------------------------------------- networks


def network() -> tuple[qjax.EstimatorQNN, QuantumCircuit]:
    """A ZZ feature map and RealAmplitudes on two qubits."""
    circuit = classifier()
    names = circuit.parameters
    inputs = [each for each in names if each.name.startswith("x")]
    weights = [each for each in names if not each.name.startswith("x")]
    made = qjax.EstimatorQNN(
        circuit=circuit,
        observables=list(LABELS),
        input_params=inputs,
        weight_params=weights,
        input_gradients=True,
    )
    return made, circuit


def _data(device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs `(3, 2)` and weights `(4,)`, which require gradients."""
    rng = np.random.default_rng(0)
    shapes = (3, 2), (4,)
    pair = (torch.from_numpy(rng.uniform(-1, 1, shape)).to(device, dtype) for shape in shapes)
    inputs, weights = (tensor.requires_grad_() for tensor in pair)
    return inputs, weights


def _called() -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Inputs, weights -> values, differentiable by torch."""
    made, _ = network()
    return jax2torch(lambda inputs, weights: made.apply(weights, inputs))


def connector(device: torch.device) -> Row:
    """Values beside Qiskit's, in both precisions; gradients in single beside those in double."""
    made, circuit = network()
    allowed = {torch.float32: SINGLE, torch.float64: DOUBLE}
    excess, gradients, places = {}, [], set()
    for dtype, tolerance in allowed.items():
        inputs, weights = _data(device, dtype)
        module = TorchConnector(made, weights.detach()).to(device, dtype)
        value = module(inputs)
        value.sum().backward()
        places |= {str(each.device) for each in (value, inputs.grad, module.weight.grad)}
        excess[str(dtype)] = _largest(value, _expected(circuit, inputs, module.weight)) / tolerance
        gradients.append(torch.cat([inputs.grad.reshape(-1), module.weight.grad]))
    single, double = gradients
    excess["gradients"] = _largest(single, double.cpu().numpy()) / SINGLE
    passed = max(excess.values()) <= 1 and places == {str(device)}
    return {"passed": passed, "errors_over_allowed": excess, "devices": sorted(places)}


def _expected(circuit: QuantumCircuit, inputs: torch.Tensor, weights: torch.Tensor) -> np.ndarray:
    """Values `(3, 2)`, by Qiskit; inputs come before weights in the order of the names."""
    paulis = [Pauli(label) for label in LABELS]
    points = [torch.cat([sample, weights]).tolist() for sample in inputs]
    return np.asarray([[value_of(circuit, pauli, at) for pauli in paulis] for at in points])


def _largest(found: torch.Tensor, expected: np.ndarray) -> float:
    """The largest deviation."""
    return error(found.detach().cpu().numpy(), expected)


def forward(device: torch.device) -> Row:
    """A complex state that `jax2torch` returns, beside Qiskit's."""
    circuit = classifier()
    state = jax2torch(partial(qjax.statevector, circuit))
    values = torch.linspace(-1, 1, circuit.num_parameters, device=device)
    found = state(values)
    deviation = _largest(found, state_of(circuit, values.tolist()))
    passed = deviation <= SINGLE and found.device == device and found.dtype == torch.complex64
    return {"passed": passed, "deviation": deviation}


def backward(device: torch.device) -> Row:
    """Torch's own differences beside the derivatives."""
    return {"passed": gradcheck(_called(), _data(device, torch.float64))}


def double_backward(device: torch.device) -> Row:
    return {"passed": gradgradcheck(_called(), _data(device, torch.float64))}


def vmapped(device: torch.device) -> Row:
    """`torch.func.vmap` of values and of gradients, beside one sample after another."""
    called, (inputs, weights) = _called(), _data(device, torch.float64)
    inputs, weights = inputs.detach(), weights.detach()
    slope = torch.func.grad(lambda sample, trained: called(sample, trained).sum(), argnums=1)
    errors = {}
    for name, function in (("values", called), ("gradients", slope)):
        found = torch.func.vmap(function, (0, None))(inputs, weights)
        one_by_one = torch.stack([function(sample, weights) for sample in inputs])
        errors[name] = _largest(found, one_by_one.cpu().numpy())
        if found.device != device:
            return {"passed": False, "error": f"{name} are on {found.device}"}
    return {"passed": max(errors.values()) <= DOUBLE, "errors": errors}


def autocast(device: torch.device) -> Row:
    """Under autocast the connector computes in single precision, and gives back bfloat16."""
    made, _ = network()
    inputs, weights = _data(device, torch.float32)
    module = TorchConnector(made, weights.detach()).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        half = torch.nn.functional.linear(inputs.detach(), torch.eye(2, device=device))
        value = module(half)
    rounded = half.float()
    deviation = _largest(value.float(), module(rounded).detach().cpu().numpy())
    is_half = half.dtype == value.dtype == torch.bfloat16
    return {
        "passed": is_half and deviation <= 1 / 128,
        "deviation": deviation,
        "dtype": value.dtype,
    }


def compiled(backend: str, device: torch.device) -> Row:
    """`torch.compile` in one graph, values and gradients, beside eager ones."""
    called = _called()
    function = torch.compile(
        lambda inputs, weights: torch.sin(called(inputs, weights)), fullgraph=True, backend=backend
    )
    results = []
    for each in (function, lambda *data: torch.sin(called(*data))):
        data = _data(device, torch.float32)
        value = each(*data)
        value.sum().backward()
        results.append(torch.cat([part.reshape(-1) for part in (value, *(x.grad for x in data))]))
    deviation = _largest(results[0], results[1].detach().cpu().numpy())
    return {"passed": deviation <= SINGLE and results[0].device == device, "deviation": deviation}


def inductor(device: torch.device) -> Row:
    """Needs a C++ compiler, or Triton on a GPU, which not every machine has."""
    try:
        return compiled("inductor", device)
    except torch._dynamo.exc.BackendCompilerFailed as failure:
        raise Skipped(described(failure)) from failure


CHECKS: dict[str, Check] = {
    "to_jax": shared_with_jax,
    "to_torch": shared_with_torch,
    "order of work": order_of_work,
    "forward": forward,
    "TorchConnector": connector,
    "backward": backward,
    "vmap": vmapped,
    "autocast": autocast,
    "torch.compile, aot_eager": partial(compiled, "aot_eager"),
    "double backward": double_backward,
    "torch.compile, inductor": inductor,
}
SLOW = (inductor,)
