"""The native engine against Qiskit and XLA's engine: every gate, layout, readout, derivative."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import RVGate, UnitaryGate, real_amplitudes
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

import qjax
from qjax._engine import Expectations, States, Task, run
from qjax._qiskit import as_observable
from qjax._simulators.native.library import why_missing
from tests.circuits import bind, error, finite_gradient, random_circuit
from tests.conftest import Precision

pytestmark = pytest.mark.skipif(why_missing() is not None, reason=f"{why_missing()}")

# Of vectors of samples: fewer than a vector, one and more than one; of rows: any.
BATCHES = (1, 3, 16, 33)


def engines(monkeypatch: pytest.MonkeyPatch, function: Callable[[], Any]) -> list[Any]:
    """What a function returns with the native engine and with XLA's."""
    results = []
    for name in ("native", "xla"):
        monkeypatch.setenv("QJAX_ENGINE", name)
        results.append(jax.tree.map(np.asarray, function()))
    return results


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits(seed: int, precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values against Qiskit; values, gradients and a second derivative against XLA's engine.

    Of larger circuits, and many: see `test_native_random.py`.
    """
    rng = np.random.default_rng(seed)
    num_qubits, batch = 1 + seed % 6, BATCHES[seed % 4]
    circuit = random_circuit(seed, num_qubits, 10, symbolic=True)
    count = circuit.num_parameters
    chosen = rng.random(count) < (0, 0.5, 1)[seed % 3]
    per_sample = frozenset(np.flatnonzero(chosen).tolist())
    values = rng.uniform(-3, 3, (count, batch)).astype(precision.real)
    values[~chosen] = values[~chosen, :1]
    labels = ["".join(rng.choice(list(letters), num_qubits)) for letters in ("IZ", "IXYZ")]
    observables = tuple(as_observable(SparsePauliOp(label), num_qubits) for label in labels)
    readout = (Expectations(observables[:1]), Expectations(observables), States())[seed % 3]
    converted = qjax.from_qiskit(circuit)
    task = Task(converted, per_sample, readout)
    cotangent = rng.normal(size=_shape(readout, num_qubits, batch)).astype(precision.real)
    parts = values[~chosen, 0], values[chosen]

    def program() -> Any:
        def of_parts(*given: Any) -> Any:
            value, pull_back = jax.vjp(lambda *a: run(task, *a), *given)
            return value, pull_back(jnp.asarray(cotangent, value.dtype))

        def second(*given: Any) -> Any:
            return jax.jvp(of_parts, given, tuple(map(jnp.ones_like, given)))[1][1]

        return jax.jit(of_parts)(*parts), jax.jit(second)(*parts)

    native, xla = engines(monkeypatch, program)
    # In single precision, gradients add up hundreds of rounded terms.
    scale = precision.tolerance * 50
    for mine, other in zip(jax.tree.leaves(native), jax.tree.leaves(xla), strict=True):
        assert error(mine, other) < scale * (1 + np.abs(other).max(initial=0))
    states = [Statevector(circuit.assign_parameters(sample.astype(float))) for sample in values.T]
    expected = [_of_qiskit(readout, state, labels) for state in states]
    assert error(native[0][0], np.array(expected).T) < precision.tolerance


def _shape(readout: object, num_qubits: int, batch: int) -> tuple[int, int]:
    if isinstance(readout, Expectations):
        return len(readout.observables), batch
    return 2**num_qubits, batch


def _of_qiskit(readout: object, state: Statevector, labels: list[str]) -> Any:
    if isinstance(readout, Expectations):
        used = labels[: len(readout.observables)]
        return [state.expectation_value(SparsePauliOp(label)).real for label in used]
    return state.data


@pytest.mark.parametrize("batch", [1, 40])
def test_the_same_digits_in_every_run(batch: int) -> None:
    network, weights = _network(10)
    points = np.random.default_rng(1).normal(size=(batch, 2)).astype(np.float32)
    slopes = jax.jit(jax.grad(lambda w: (network.apply(w, points) ** 2).sum()))
    first = np.asarray(slopes(weights))
    for _ in range(20):
        assert (np.asarray(slopes(weights)) == first).all()


def test_eight_threads_at_once() -> None:
    network, weights = _network(9)
    points = np.random.default_rng(2).normal(size=(64, 2)).astype(np.float32)
    slopes = jax.jit(jax.grad(lambda w, x: (network.apply(w, x) ** 2).sum()))
    every = [weights + 0.1 * k for k in range(8)]
    expected = [np.asarray(slopes(w, points)) for w in every]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(pool.map(lambda w: np.asarray(slopes(w, points)), every))
            assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def _network(num_qubits: int) -> tuple[qjax.EstimatorQNN, np.ndarray]:
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.rx(x[qubit % 2], qubit)
    ansatz = real_amplitudes(num_qubits, reps=2)
    network = qjax.EstimatorQNN(
        circuit=circuit.compose(ansatz), input_params=x, weight_params=ansatz.parameters
    )
    weights = np.random.default_rng(0).normal(size=network.num_weights).astype(np.float32)
    return network, weights


@pytest.mark.parametrize("num_qubits", [2, 9])
def test_large_angles_that_cancel(num_qubits: int) -> None:
    """Rotations in a row add their angles: in double precision, whatever the samples have."""
    x = ParameterVector("x", 3)
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for _ in range(3):
        circuit.rx(x[0], 1)
        circuit.rx(-x[1], 1)
        circuit.rx(x[2], 1)
    values = np.array([1e4, 1.0001e4, 0.3], np.float32)
    states = jax.vmap(lambda at: qjax.statevector(circuit, at))(np.tile(values, (17, 1)))
    expected = Statevector(circuit.assign_parameters(values.astype(float))).data
    assert error(states, np.tile(expected, (17, 1))) < 1e-6


@pytest.mark.parametrize("size", [1e6, 2.0**30, 1e15])
@pytest.mark.parametrize("batch", [1, 9])
def test_large_angles_beside_small_ones(size: float, batch: int) -> None:
    """In a sum of angles, a large one would take the digits of the others."""
    x = ParameterVector("x", 2)
    circuit = QuantumCircuit(6)
    circuit.h(0)
    for gate in (circuit.rx, circuit.ry):
        gate(x[0], 1)
        gate(x[1], 1)
        circuit.cz(0, 1)
    values = np.array([size, 0.1234567])
    with jax.enable_x64(True):
        states = jax.vmap(lambda at: qjax.statevector(circuit, at))(np.tile(values, (batch, 1)))
    expected = Statevector(circuit.assign_parameters(values)).data
    assert error(states, np.tile(expected, (batch, 1))) < 1e-13


@pytest.mark.parametrize("cosine", [0.0, 1e-6, -0.01, 0.0624, -0.0626, 0.07])
@pytest.mark.parametrize("batch", [1, 17])
def test_rotations_that_scale_states_much(cosine: float, batch: int, precision: Precision) -> None:
    """States are kept up to a factor, the product of the cosines of many rotations."""
    circuit, x = QuantumCircuit(7), ParameterVector("x", 4)
    circuit.h(range(7))
    for layer in range(4):
        for qubit in range(7):
            (circuit.rx if layer == 1 else circuit.ry)(x[layer], qubit)
        circuit.rzz(0.3, 0, 3)
        circuit.ccx(4, 5, 6)
        circuit.ecr(2, 5)
    angles = np.array([2, -2, 2, -2]) * np.arccos(cosine)
    points = np.tile(angles, (batch, 1)).astype(precision.real)
    observable = SparsePauliOp(["ZIZIZIX", "IIYIIII"], [1.0, 0.5])

    def of_qiskit(point: np.ndarray) -> float:
        state = Statevector(circuit.assign_parameters(point.astype(float)))
        return float(state.expectation_value(observable).real)

    def value(point: jax.Array) -> jax.Array:
        return qjax.expectation(circuit, observable, point)

    values, slopes = jax.vmap(jax.value_and_grad(value))(points)
    shared = jax.grad(lambda point: jnp.sum(jax.vmap(lambda _: value(point))(points)))(points[0])
    exact = points[0].astype(float)
    assert error(values, np.full(batch, of_qiskit(exact))) < precision.tolerance
    expected = finite_gradient(of_qiskit, exact)
    tolerance = max(10 * precision.tolerance, 1e-8)
    assert error(slopes, np.tile(expected, (batch, 1))) < tolerance
    assert error(shared, batch * expected) < batch * tolerance


@pytest.mark.parametrize("num_qubits", [5, 9, 12])
def test_gates_that_are_rounded_alike_keep_the_norm(num_qubits: int) -> None:
    """Of 40 layers of constant gates, whose norms are all rounded down; and of their inverses."""
    angle = Parameter("a")
    circuit = QuantumCircuit(num_qubits)
    circuit.ry(angle, 0)
    for layer in range(40):
        first, second, third = ((layer + shift) % num_qubits for shift in (0, 1, 3))
        circuit.h(range(num_qubits))
        circuit.t(range(num_qubits))
        circuit.cs(first, second)
        circuit.ccz(first, second, third)
        circuit.ry(np.pi / 3, first)
    point = np.array([0.7], np.float32)
    state = np.asarray(qjax.statevector(circuit, point)).astype(complex)
    assert abs(np.linalg.norm(state) - 1) < 1e-6
    expected = Statevector(circuit.assign_parameters(point.astype(float)))
    assert error(state, expected.data) < 2e-6
    observable = SparsePauliOp("XZ".rjust(num_qubits, "I"))
    slope = jax.grad(lambda at: qjax.expectation(circuit, observable, at))(point)

    def value(at: np.ndarray) -> float:
        return Statevector(circuit.assign_parameters(at)).expectation_value(observable).real

    assert error(slope, finite_gradient(value, point.astype(float))) < 2e-6


@pytest.mark.parametrize("num_qubits", [3, 9])
def test_cosines_that_are_nearly_one(num_qubits: int, x64: None) -> None:
    """Matrices with parameters take them in: slopes count them once."""
    circuit, x = QuantumCircuit(num_qubits), ParameterVector("x", 6)
    circuit.ry(0.7, range(num_qubits))
    circuit.cx(0, 1)
    for qubit in range(num_qubits):
        circuit.ry(x[2], qubit)
        circuit.rx(x[3], qubit)
        circuit.ry(x[4], qubit)
        circuit.rx(x[0], qubit)
        circuit.rzz(x[5], qubit, (qubit + 1) % num_qubits)
        circuit.ryy(x[1], qubit, (qubit + 1) % num_qubits)
    observable = SparsePauliOp("XY".rjust(num_qubits, "Z"))
    point = np.array([4e-3, -3e-3, 0.4, -0.8, 1.1, 0.6])

    def of_qiskit(at: np.ndarray) -> float:
        return float(Statevector(bind(circuit, at)).expectation_value(observable).real)

    slope = jax.grad(lambda at: qjax.expectation(circuit, observable, at))(point)
    assert error(slope, finite_gradient(of_qiskit, point)) < 1e-8


@pytest.mark.parametrize("angles", [(0.4, 1.1), (0.7, -0.5), (1.1, 0.6), (-0.3, 0.9)])
def test_a_last_cosine_that_is_nearly_one(angles: tuple[float, float], x64: None) -> None:
    """Backwards, it comes before matrices that end a sweep."""
    circuit, x = QuantumCircuit(6), ParameterVector("x", 2)
    for qubit in range(6):
        circuit.ry(x[0], qubit)
        circuit.rx(x[1], qubit)
    circuit.rxx(8e-3, 0, 1)
    observable = SparsePauliOp(["ZIIIIZ", "YZIIII"], [1.0, 0.5])

    def of_qiskit(at: np.ndarray) -> float:
        return float(Statevector(bind(circuit, at)).expectation_value(observable).real)

    point = np.array(angles)
    slope = jax.grad(lambda at: qjax.expectation(circuit, observable, at))(point)
    assert error(slope, finite_gradient(of_qiskit, point)) < 1e-8


@pytest.mark.parametrize("place", [0, 5])
def test_angles_that_are_no_numbers_stay_in_their_sample(place: int, precision: Precision) -> None:
    circuit, x = QuantumCircuit(3), ParameterVector("x", 1)
    circuit.ry(0.3, range(3))
    circuit.ry(x[0], 0)
    circuit.cx(0, 1)
    circuit.rz(x[0], 1)
    circuit.rx(0.4, 1)
    points = np.linspace(-1, 1, 17).astype(precision.real)[:, None]
    broken = points.copy()
    broken[place] = np.nan
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda at: qjax.expectation(circuit, "XYZ", at))))
    others = np.arange(17) != place
    for found, expected in zip(both(broken), both(points), strict=True):
        assert np.isnan(found[place]).all()
        assert (np.asarray(found)[others] == np.asarray(expected)[others]).all()


@pytest.mark.parametrize("half", [0.7071099, 0.7071036])
def test_matrices_that_are_not_quite_unitary_stay_as_they_are(
    half: float, precision: Precision
) -> None:
    """Behind a cosine that is nearly 1, whose scale they take in."""
    circuit, angle = QuantumCircuit(5), Parameter("a")
    circuit.ry(0.7, range(5))
    for qubit in range(5):
        circuit.cx(qubit, (qubit + 1) % 5)
    circuit.rx(angle, 0)
    for layer in range(40):
        matrix = np.array([[half, half], [half, -half]])
        circuit.unitary(matrix, layer % 5)
        circuit.cx(layer % 5, (layer + 1) % 5)
    point = np.array([4e-3], precision.real)
    expected = Statevector(circuit.assign_parameters(point.astype(float))).data
    assert error(qjax.statevector(circuit, point), expected) < precision.tolerance / 5


def test_many_gates_in_a_row_on_a_qubit() -> None:
    """More than one step has room for."""
    x = ParameterVector("x", 1)
    circuit = QuantumCircuit(2)
    for _ in range(500):
        circuit.ry(x[0], 0)
        circuit.rz(0.001, 0)
    circuit.cx(0, 1)
    state = Statevector(circuit.assign_parameters([0.01]))
    ours = qjax.statevector(circuit, np.array([0.01], np.float32))
    assert error(ours, state.data) < 1e-4


@pytest.mark.parametrize("gate", [UnitaryGate(random_unitary(128, seed=1))])
def test_what_the_engine_lacks_runs_through_xla(gate: Any) -> None:
    circuit = QuantumCircuit(8)
    circuit.h(range(8))
    circuit.append(gate, range(gate.num_qubits))
    assert error(qjax.statevector(circuit), Statevector(circuit).data) < 1e-6
    assert "the native one lacks a matrix on 7 qubits" in str(qjax.plan(circuit))


def test_exports_are_portable() -> None:
    """What is exported calls no kernel, in value or gradient, and gives the same numbers."""
    network, weights = _network(4)
    points = np.ones((3, 2), np.float32)

    def of_weights(w: jax.Array) -> Any:
        return jax.value_and_grad(lambda w: network.apply(w, points).sum())(w)

    exported = jax.export.export(jax.jit(of_weights), platforms=("cpu", "tpu"))(weights)
    assert "qjax_" not in exported.mlir_module()
    for mine, other in zip(exported.call(weights), jax.jit(of_weights)(weights), strict=True):
        assert error(mine, other) < 1e-5
    assert "qjax_" in jax.jit(of_weights).lower(weights).as_text()


def test_exports_have_batches_of_known_size() -> None:
    network, weights = _network(4)
    (samples,) = jax.export.symbolic_shape("samples")
    points = jax.ShapeDtypeStruct((samples, 2), np.float32)
    with pytest.raises(ValueError, match="a batch of samples samples cannot be simulated"):
        jax.export.export(jax.jit(lambda x: network.apply(weights, x)))(points)


def test_engine_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert qjax.engine() == "native"
    monkeypatch.setenv("QJAX_ENGINE", "xla")
    assert qjax.engine() == "xla (QJAX_ENGINE=xla)"
    monkeypatch.setenv("QJAX_ENGINE", "cuda")
    with pytest.raises(ValueError, match=r"QJAX_ENGINE: got 'cuda'; expected 'native' or 'xla'"):
        qjax.engine()


def test_without_kernels_everything_runs() -> None:
    """As where there was no compiler."""
    program = (
        "import qjax, numpy as np\n"
        "from qjax._simulators.native import library\n"
        "library._FILE = 'no such file'\n"
        "from qiskit.circuit.library import real_amplitudes\n"
        "value = qjax.expectation(real_amplitudes(2), 'ZZ', np.zeros(8))\n"
        "assert abs(value - 1) < 1e-6\n"
        "assert qjax.engine().startswith('xla (the kernels were not compiled'), qjax.engine()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


@pytest.mark.parametrize("num_targets", [1, 2, 3, 6])
@pytest.mark.parametrize("batch", [1, 16])
def test_matrices_and_axis_rotations(num_targets: int, batch: int, precision: Precision) -> None:
    """On qubits whose rows are mixed with others' by gates before, controlled or not."""
    v = ParameterVector("v", 3)
    circuit = QuantumCircuit(7)
    circuit.h(range(7))
    circuit.append(RVGate(*v), [4])
    circuit.cx(4, 2)
    circuit.cx(2, 6)
    matrix = UnitaryGate(random_unitary(2**num_targets, seed=num_targets))
    circuit.append(matrix, [2, 6, 0, 4, 1, 5][:num_targets])
    circuit.append(RVGate(v[1], v[2], v[0]).control(1, ctrl_state=0, annotated=True), [3, 6])
    if num_targets < 6:
        circuit.append(matrix.control(1), [6, *[2, 0, 4, 1, 5][:num_targets]])
    points = np.random.default_rng(batch).normal(size=(batch, 3)).astype(precision.real)

    def value(point: Any) -> Any:
        return qjax.expectation(circuit, "ZIZIZIZ", point)

    def of_qiskit(point: np.ndarray) -> float:
        state = Statevector(circuit.assign_parameters(point.astype(float)))
        return float(state.expectation_value(SparsePauliOp("ZIZIZIZ")).real)

    values, slopes = jax.vmap(jax.value_and_grad(value))(points)
    assert error(values, np.array([of_qiskit(p) for p in points])) < precision.tolerance
    expected = finite_gradient(of_qiskit, points[0].astype(float))
    assert error(slopes[0], expected) < max(10 * precision.tolerance, 1e-8)


def test_derivative_of_an_axis_rotation_by_nothing() -> None:
    v = ParameterVector("v", 3)
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.append(RVGate(*v), [0])
    slopes = jax.grad(lambda p: qjax.expectation(circuit, "Y", p))(np.zeros(3, np.float32))
    assert error(slopes, np.array([0, 0, 1.0])) < 1e-6
