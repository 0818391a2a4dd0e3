"""Floor 7. Misread bits -> frequencies and expectation values as true bits would give them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.arrays import Numbers, as_real
from qjax._base.options import as_flag, as_whole, check_ordered
from qjax._base.store import kept
from qjax._noise import NoiseModel
from qjax.mitigation._frequencies import Results, frequencies_of, nearest_distribution
from qjax.mitigation._misreadings import BitsRead, misreadings_of
from qjax.mitigation._string_values import strings_of, true_values


def readout(
    values: Results,
    model: NoiseModel | Numbers,
    *,
    observables: object = None,
    qubits: Sequence[int] | None = None,
    project: bool = False,
) -> Float[Array, "*batch values"]:
    """What measured bits would have shown, had they not been misread.

    The matrices of the misread bits are inverted, each on its own bits: a matrix of all bits
    together is made only where it was given. Results are estimates without bias, of a larger
    variance: probabilities may be negative (S. Bravyi, S. Sheldon, A. Kandala, D. C. McKay and J.
    M. Gambetta, Phys. Rev. A 103, 042605 (2021), section II). Differentiable in values and model.

        counts = {"00": 480, "01": 30, "10": 28, "11": 486}
        model = NoiseModel().readout(0.02, 0.05)
        qjax.mitigation.readout(counts, model, project=True)

    Args:
        values: what was seen. Counts by bitstring, as Qiskit's; sampled bits, as `qjax.sample`
            returns them: whole numbers, `(..., shots, bits)`; or probabilities, `(..., 2**bits)`.
            With `observables`: their expectation values, `(..., len(observables))`.
        model: a noise model, of which the misread bits count; or a calibration matrix, entry
            [i, j] the probability to read j where i was true: `(2**bits, 2**bits)` for all bits
            together, or `(bits, 2, 2)` for each. `calibration_matrix` makes one of counts.
        observables: Pauli strings such as "XIZ", as Qiskit's `Pauli` or label: one, or a list.
            Each was measured in its own basis. Where 0 and 1 are misread equally often, a value is
            divided by the contrast of its bits; otherwise values of strings mix with those of their
            parts, as of "ZI" and "IZ" in "ZZ", and the list has to hold those too.
        qubits: the qubit of the model that each bit was measured from; None for bit k from qubit k.
        project: whether to return the nearest probability distribution instead, as
            `nearest_distribution` does.

    Returns:
        quasi-probabilities, `(..., 2**bits)`, that add up to one; or with `observables` values of
        the same shape as those given. Where JAX traces the model, what would be refused is NaN or
        infinite.

    Raises:
        ValueError: for shapes that do not fit each other, a matrix that cannot be inverted or whose
            rows do not add up to one, parts of a string that are missing, and `project` beside
            `observables`.
        TypeError: for values that are not real, and another kind of model or observable.
    """
    as_flag(project, "project")
    if observables is not None:
        if project:
            raise ValueError("project: expectation values are no distribution; leave it out")
        return _values(values, model, observables, qubits)
    frequencies = frequencies_of(values, "values")
    num_bits = frequencies.shape[-1].bit_length() - 1
    places = _qubits(qubits, num_bits)
    _check_device(model, places)
    steps = misreadings_of(model, places, frequencies.dtype)
    if steps:
        bits, matrices = zip(*steps, strict=True)
        frequencies = _compiled_inversion(bits)(frequencies, matrices)
    return nearest_distribution(frequencies) if project else frequencies


def _values(
    values: Any, model: NoiseModel | Numbers, observables: object, qubits: Sequence[int] | None
) -> Float[Array, "*batch values"]:
    numbers = as_real(values, "values")
    strings, alone = strings_of(observables)
    if not alone and numbers.shape[-1:] != (len(strings.masks),):
        raise ValueError(
            f"values: expected shape (..., {len(strings.masks)}), a value for each observable, got "
            f"{numbers.shape}"
        )
    places = _qubits(qubits, strings.num_qubits)
    _check_device(model, places)
    steps = misreadings_of(model, places, numbers.dtype)
    result = true_values(numbers[..., None] if alone else numbers, strings, steps)
    return result[..., 0] if alone else result


def _check_device(model: object, qubits: Sequence[int]) -> None:
    size = model.num_qubits if isinstance(model, NoiseModel) else None
    if size is not None and max(qubits, default=0) >= size:
        raise ValueError(
            f"values: got {len(qubits)} bits, of qubits up to {max(qubits)}, and the model is of a "
            f"device with {size} qubits; expected qubits= of the device, one for each bit"
        )


def _qubits(qubits: Sequence[int] | None, num_bits: int) -> tuple[int, ...]:
    if qubits is None:
        return tuple(range(num_bits))
    check_ordered(qubits, "qubits")
    checked = tuple(as_whole(qubit, "qubits", 0) for qubit in qubits)
    if len(checked) != num_bits or len(set(checked)) != num_bits:
        raise ValueError(
            f"qubits: expected {num_bits} distinct numbers, the qubit of each bit, got {checked}"
        )
    return checked


@kept(tuning.PROGRAM_BYTES)
def _compiled_inversion(
    bits: tuple[tuple[int, ...], ...],
) -> Callable[[Array, tuple[Array, ...]], Array]:
    """(frequencies, matrices on those bits) -> what was there before they were read."""

    def invert(frequencies: Array, matrices: tuple[Array, ...]) -> Array:
        for step in reversed(list(map(BitsRead, bits, matrices))):
            frequencies = _inverted(frequencies, step)
        return frequencies

    return jax.jit(invert)


def _inverted(
    frequencies: Float[Array, "*batch 2**bits"], step: BitsRead
) -> Float[Array, "*batch 2**bits"]:
    """With p_read = M^T p: the inverse of M^T along the axes of the bits that it acts on."""
    width = len(step.bits)
    num_bits = frequencies.shape[-1].bit_length() - 1
    split = frequencies.reshape(-1, *(2,) * num_bits)
    leading = [num_bits - bit for bit in reversed(step.bits)]
    front = jnp.moveaxis(split, leading, range(width))
    rows = front.reshape(2**width, -1)
    true = jnp.matmul(jnp.linalg.inv(step.matrix.T), rows, precision=tuning.PRECISION)
    return jnp.moveaxis(true.reshape(front.shape), range(width), leading).reshape(frequencies.shape)
