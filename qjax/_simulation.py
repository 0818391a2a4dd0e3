"""Floor 7. (circuit, params) -> statevector, unitary, probabilities, expectation, samples.

Every function compiles once per circuit, shape and dtype, also when it is called eagerly.
"""

from collections.abc import Sequence

import numpy as np
from jax import Array
from jaxtyping import Complex, Float, Shaped
from qiskit import QuantumCircuit

from qjax._base.mesh import on_mesh
from qjax._base.process import check_process
from qjax._circuit.checks import check_qubits
from qjax._circuit.circuit import Circuit, preparations
from qjax._engine import (
    Densities,
    DrawnTask,
    Expectations,
    MisreadTask,
    MixedTask,
    Readout,
    States,
    as_gradient,
    as_sampling,
    check_alone,
    check_key_of,
    compiled_drawn,
    compiled_misread,
    compiled_mixed,
    compiled_shots,
    compiled_unitary,
    outcomes_of,
    run,
    task_for,
    with_simulator,
)
from qjax._noise import NoiseModel, as_noise, structure_of
from qjax._qiskit import ParameterValues, as_circuit, as_observables, as_parameters
from qjax._simulators import (
    NATIVE,
    DensityMatrix,
    Gradient,
    Simulator,
    StateVector,
    Trajectories,
    as_simulator,
    resolved,
)


def statevector(
    circuit: Circuit | QuantumCircuit,
    params: ParameterValues = (),
    *,
    gradient: Gradient | None = None,
    simulator: StateVector | None = None,
) -> Complex[Array, " 2**n"]:
    """The state that a circuit prepares from |0...0>.

    Args:
        circuit: the circuit; final measurements are left out.
        params: real, shape `(num_params,)`, in the order of `circuit.parameters`; angles are in
            radians. float32 gives complex64; float64 gives complex128 with JAX's flag
            `jax_enable_x64` (or inside `with jax.enable_x64(True):`), and complex64 without: JAX
            then makes single precision of it, silently. Or a mapping by name: of a parameter (or
            its name) to a number, of a `ParameterVector` to as many numbers as it
            has, of its name to a number for each of its elements in the circuit, in numerical
            order: `{"x": features, "a": 0.3}`. It is a pytree, for `grad`, `jit` and `vmap`.
        gradient: how reverse mode works on XLA's engine (the native one keeps one state, and
            undoes gates, whatever is given): "backprop" keeps a state for each pass of the plan,
            "adjoint" keeps none and computes them again, from the result backwards (Jones and
            Gacon, arXiv:2009.02823); None chooses by the memory it would need.
        simulator: how states are represented, and by which engine: `StateVector(engine)` of
            `qjax.simulators`; None chooses (`qjax.engine()` says which).

    Returns:
        amplitudes, shape `(2**n,)`; qubit 0 is the least significant bit of the index.

    Raises:
        ValueError: for another number of parameters, names that are missing, unknown or given
            twice, or a circuit too large for memory.
        TypeError: for parameters that are not real.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    check_process()
    circuit = as_circuit(circuit)
    if isinstance(as_simulator(simulator), (DensityMatrix, Trajectories)):
        raise ValueError(
            f"simulator: {simulator} has no statevector; expected StateVector() or None, or "
            "use density_matrix(circuit, params)"
        )
    return _read(circuit, States(), as_parameters(circuit, params), gradient, simulator)


def density_matrix(
    circuit: Circuit | QuantumCircuit,
    params: ParameterValues = (),
    *,
    noise: NoiseModel | None = None,
) -> Complex[Array, "2**n 2**n"]:
    """The density matrix that a circuit prepares from |0...0>; errors as `statevector`.

    Measurements midway and resets leave mixtures of their outcomes. Final measurements are left
    out, and with them misread bits.

    Args:
        circuit: any circuit, control flow included.
        params: as in `statevector`.
        noise: what goes wrong on the way; None for nothing. A pytree: `jax.grad` differentiates in
            its numbers.

    Returns:
        shape `(2**n, 2**n)`, in Qiskit's order: qubit 0 is the least significant bit of rows and
        columns.

    Raises:
        ValueError: also for noise that does not fit the circuit.
        CircuitTooLargeError: also for an operation on more than 5 qubits.
    """
    check_process()
    circuit, model = as_circuit(circuit), as_noise(noise)
    values = as_parameters(circuit, params)
    _, model = with_simulator(circuit, None, model)
    task = MixedTask(circuit, frozenset(), Densities(), structure_of(model) if model else None)
    matrix: Array = compiled_mixed(task)(values, np.zeros((0, 1), values.dtype), model)
    return matrix


def unitary(
    circuit: Circuit | QuantumCircuit, params: ParameterValues = ()
) -> Complex[Array, "2**n 2**n"]:
    """The matrix of a circuit, global phase included; arguments and errors as `statevector`.

    Returns:
        shape `(2**n, 2**n)`; column j is what the circuit makes of basis state j.

    Raises:
        ValueError: also for a circuit that starts from given amplitudes.
    """
    check_process()
    circuit = as_circuit(circuit)
    if prepared := preparations(circuit):
        raise ValueError(
            f"unitary: the circuit starts from given amplitudes of qubits {prepared[0].qubits}, so "
            "no matrix says what it does; expected gates only. `statevector` gives its state"
        )
    values = as_parameters(circuit, params)
    return compiled_unitary(circuit, resolved(None) == NATIVE)(values)


def probabilities(
    circuit: Circuit | QuantumCircuit,
    params: ParameterValues = (),
    qubits: Sequence[int] | None = None,
    *,
    gradient: object | None = None,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
    shots: int | None = None,
    key: Array | None = None,
) -> Float[Array, " 2**k"]:
    """The probabilities of the basis states of the qubits; errors as `statevector`.

    Gates and qubits that the given ones do not depend on are left out. The probabilities of
    classical bits are what `SamplerQNN` gives.

    Args:
        circuit: as in `statevector`.
        params: as in `statevector`.
        gradient: as in `expectation`.
        simulator: as in `expectation`.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel`, misread bits included; None
            for nothing. A pytree: `jax.grad` differentiates in its numbers.
        shots: how many runs the shares are of; None for exact probabilities.
        key: as in `expectation`.
        qubits: the k qubits to keep, the first as least significant bit of the result's index,
            as in Qiskit's `Statevector.probabilities(qargs)`; None keeps all in order.

    Raises:
        ValueError: also for qubits out of range or given twice.
    """
    check_process()
    circuit = as_circuit(circuit)
    everything = tuple(range(circuit.num_qubits))
    kept = check_qubits(everything if qubits is None else qubits, circuit.num_qubits)
    readout, values = outcomes_of(circuit, kept), as_parameters(circuit, params)
    return _read(circuit, readout, values, gradient, simulator, noise, shots=shots, key=key)


def expectation(
    circuit: Circuit | QuantumCircuit,
    observables: object,
    params: ParameterValues = (),
    *,
    gradient: object | None = None,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
    shots: int | None = None,
    key: Array | None = None,
) -> Float[Array, "*observables"]:
    """<psi|O|psi> of one observable or several; errors as `statevector`.

    Gates and qubits that no observable depends on are left out. Observables, and terms of their
    sums, share one state of all that any of them depends on, or where this is clearly cheaper (such
    as for local ones of a wide circuit) are evaluated in groups, each on the qubits that it sees.

    Args:
        circuit: as in `statevector`.
        params: as in `statevector`; for many sets of parameters use `jax.vmap`. Parameters that
            only the observables' coefficients have come after the circuit's, in Qiskit's order: by
            name, those of a vector by index.
        gradient: as in `statevector`. With `shots`: "parameter_shift" or None for derivatives from
            shots of their own at shifted angles, unbiased and independent of the values; "exact"
            for exact derivatives of sampled values; "spsa" or `qjax.gradients.SPSA(...)`.
        simulator: as in `statevector`; or `DensityMatrix()`; or `Trajectories(samples)`, means over
            so many runs that are drawn with `key`: see `estimate`, which tells their errors too.
            None takes density matrices for noise, and state vectors where nothing but bits is
            misread.
        noise: what goes wrong on the way, a `qjax.noise.NoiseModel`, misread bits included; None
            for nothing. A pytree: `jax.grad` differentiates in its numbers.
        shots: how many runs of the circuit stand for the exact value; None for that. Terms of all
            observables are put into groups that commute on each qubit (those with most letters
            first, each into the first group that takes it), and each group is measured in its own
            basis with so many shots of its own. So estimates are unbiased, those of one group are
            correlated as on a device, and those of several are independent; multiples of the
            identity have no error. A matrix is measured as the sum of its Pauli strings.
        key: a JAX random key, where there are `shots` or `Trajectories`; the same key gives the
            same draws, and `jax.vmap` over keys repetitions.
        observables: a label such as `"XIZ"` or `"0+Z"` (leftmost letter: highest qubit; 0, 1, +, -,
            r and l are projectors), Qiskit's `Pauli`, `SparsePauliOp` (coefficients may have
            parameters), `SparseObservable` or Hermitian `Operator`; a sparse term
            `("XX", [0, 2], 0.5)` of letters, their qubits and a coefficient; or a list of those,
            which costs one simulation, not one each. A list of nothing but sparse terms is one
            observable, their sum, as in `SparsePauliOp.from_sparse_list`; to read several qubits
            out, list lists: `[[("Z", [0], 1.0)], [("Z", [1], 1.0)]]`.

    Returns:
        shape `()` for one observable, `(O,)` for a list.

    Raises:
        ValueError: also for an observable that is not Hermitian or has another size, for none, and
            for a coefficient beyond the precision.
        TypeError: also for an unknown kind of observable; for shots without a key, and the other
            way round.
    """
    check_process()
    circuit, converted, shape = as_observables(circuit, observables, params)
    values = as_parameters(circuit, params, converted)
    readout = Expectations(converted)
    return _read(circuit, readout, values, gradient, simulator, noise, shape, shots, key)


def _read(
    circuit: Circuit,
    readout: Readout,
    params: Float[Array, " params"],
    gradient: object | None,
    simulator: Simulator | None,
    noise: NoiseModel | None = None,
    shape: tuple[int, ...] = (-1,),
    shots: int | None = None,
    key: Array | None = None,
) -> Shaped[Array, "..."]:
    how, model = with_simulator(circuit, as_simulator(simulator), as_noise(noise))
    if isinstance(how, Trajectories):
        assert not isinstance(readout, States)
        check_alone(how, shots, gradient)
        check_key_of(how, key)
        structure = structure_of(model) if model else None
        drawn = DrawnTask(circuit, frozenset(), readout, structure, how.samples)
        return compiled_drawn(drawn)(params, model, key).means.reshape(shape)
    sampling = as_sampling(shots, key, gradient)
    if sampling is not None:
        draw = compiled_shots(task_for(circuit, readout, how, model), sampling.shots)
        return draw(params, model, sampling.key).reshape(shape)
    method, nothing = as_gradient(gradient), np.zeros((0, 1), params.dtype)
    task = task_for(circuit, readout, how, model, method)
    if isinstance(task, MixedTask):
        _refuse_gradient(method)
        return compiled_mixed(task)(params, nothing, model).reshape(shape)
    if isinstance(task, MisreadTask):
        return compiled_misread(task)(params, nothing, model).reshape(shape)
    pure = task

    def read(params: Array) -> Array:
        return run(pure, params, nothing).reshape(shape)

    return on_mesh(read, params)


def _refuse_gradient(gradient: Gradient | None) -> None:
    if gradient is not None:
        raise ValueError(
            f"gradient: got {gradient!r} where states are density matrices, which choose by "
            "memory; leave it out"
        )
