"""Floor 5. Functions that make channels, and check them.

Strengths are real numbers, or arrays without axes. Where their value is known they are checked:
nothing is clipped. What JAX traces cannot be looked at: strengths out of range give NaN.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Complex

from qjax._base.options import as_whole
from qjax._noise import Channel
from qjax._noise.kinds import most_depolarizing
from qjax._noise.strengths import (
    TOLERANCE,
    Strength,
    as_operators,
    as_strength,
    check_rest,
    check_sum,
    is_traced,
    optional,
)

# Beyond, a matrix in the Pauli basis takes gigabytes.
_MOST_QUBITS = 6


def kraus(operators: Complex[ArrayLike, "m 2**k 2**k"] | Sequence) -> Channel:
    """The channel rho -> sum_i K_i rho K_i^dagger.

    Args:
        operators: the K_i, shape `(m, 2**k, 2**k)`; the first qubit is the least significant bit
            of their indices.

    Raises:
        ValueError: for another shape, and where sum_i K_i^dagger K_i is not 1 within 1e-8: the
            channel would not keep the trace. Traced operators of that kind give NaN.
        TypeError: for what holds no numbers.
    """
    given = as_operators(operators, "operators", 3)
    if not is_traced(given):
        total = np.einsum("mji,mjk->ik", given.conj(), given)
        error = np.max(np.abs(total - np.eye(len(total))))
        if not error <= TOLERANCE:
            raise ValueError(
                "operators: expected a channel that keeps the trace, where sum_i K_i^dagger K_i is "
                f"1 within {TOLERANCE:g}; it differs by {error:.3g}"
            )
    return Channel("kraus", _num_qubits(given), (given,))


def coherent(matrix: Complex[ArrayLike, "2**k 2**k"] | Sequence) -> Channel:
    """A unitary that acts by mistake: rho -> U rho U^dagger (Aer's `coherent_unitary_error`).

    Args:
        matrix: U, shape `(2**k, 2**k)`; the first qubit is the least significant bit of its
            indices.

    Raises:
        ValueError: for another shape, or a matrix that is not unitary within 1e-8; a traced one
            gives NaN.
        TypeError: for what holds no numbers.
    """
    given = as_operators(matrix, "matrix", 2)
    if not is_traced(given):
        error = np.max(np.abs(given.conj().T @ given - np.eye(len(given))))
        if not error <= TOLERANCE:
            raise ValueError(
                f"matrix: expected a unitary within {TOLERANCE:g}; U^dagger U differs from 1 by "
                f"{error:.3g}"
            )
    return Channel("coherent", _num_qubits(given), (given,))


def depolarizing(p: Strength, num_qubits: int = 1) -> Channel:
    """The channel rho -> (1 - p) rho + p tr(rho) 1 / 2**k (Aer's `depolarizing_error`).

    Args:
        p: from 0 to 4**k / (4**k - 1): there, all Pauli strings but the identity are equally
            probable. At 1 nothing is left of the state.
        num_qubits: k, at most 6.

    Raises:
        ValueError: out of range, where the value is known; a traced one gives NaN.
        TypeError: for what is no real number.
    """
    size = as_whole(num_qubits, "num_qubits", 1, _MOST_QUBITS)
    return Channel("depolarizing", size, (as_strength(p, "p", most=most_depolarizing(size)),))


def pauli(probabilities: Mapping[str, Strength]) -> Channel:
    """A Pauli string drawn at random acts (Aer's `pauli_error`).

    Args:
        probabilities: for Pauli strings of one length, as Qiskit writes them: "XZ" is Z on the
            first qubit, X on the second. The identity gets the rest; it may be left out.

    Raises:
        ValueError: for labels that are no Pauli strings or differ in length, for probabilities out
            of range or of a sum above 1, or other than 1 where the identity is given too. A sum of
            traced ones above 1 gives NaN.
        TypeError: for what is no mapping of strings to real numbers.
    """
    size = _length(probabilities)
    identity = "I" * size
    given = {
        label: as_strength(value, f"probabilities[{label!r}]")
        for label, value in probabilities.items()
    }
    errors = [value for label, value in given.items() if label != identity]
    check_sum(errors, "probabilities")
    if identity in given:
        check_rest(given[identity], errors, identity)
    labels = ["".join(letters) for letters in product("IXYZ", repeat=size)][1:]
    strengths = [given.get(label, np.float64(0)) for label in labels]
    known = not any(map(is_traced, strengths))
    return Channel("pauli", size, (np.array(strengths) if known else jnp.stack(strengths),))


def bit_flip(p: Strength) -> Channel:
    """X with probability p on one qubit.

    Raises:
        ValueError: for p outside of [0, 1], where it is known; a traced one gives NaN.
        TypeError: for what is no real number.
    """
    return Channel("bit_flip", 1, (as_strength(p, "p"),))


def phase_flip(p: Strength) -> Channel:
    """Z with probability p on one qubit.

    Raises:
        ValueError: for p outside of [0, 1], where it is known; a traced one gives NaN.
        TypeError: for what is no real number.
    """
    return Channel("phase_flip", 1, (as_strength(p, "p"),))


def amplitude_damping(gamma: Strength, excited: Strength = 0.0) -> Channel:
    """One qubit decays with probability gamma (Aer's `amplitude_damping_error`).

    Kraus operators are sqrt(1 - e) [[1, 0], [0, sqrt(1 - gamma)]],
    sqrt(1 - e) [[0, sqrt(gamma)], [0, 0]], and the same towards |1> with sqrt(e).

    Args:
        gamma: the probability; at 1, derivatives in it are not finite.
        excited: e, the population of |1> that it decays to.

    Raises:
        ValueError: for numbers outside of [0, 1], where they are known; traced ones give NaN.
        TypeError: for what is no real number.
    """
    strengths = (as_strength(gamma, "gamma"), *optional(excited, "excited"))
    return Channel("amplitude_damping", 1, strengths)


def phase_damping(lam: Strength) -> Channel:
    """One qubit's coherences are multiplied by sqrt(1 - lam) (Aer's `phase_damping_error`).

    Args:
        lam: from 0 to 1, where derivatives are infinite.

    Raises:
        ValueError: for a number outside of [0, 1], where it is known; a traced one gives NaN.
        TypeError: for what is no real number.
    """
    return Channel("phase_damping", 1, (as_strength(lam, "lam"),))


def phase_amplitude_damping(gamma: Strength, lam: Strength, excited: Strength = 0.0) -> Channel:
    """One qubit decays or is dephased (Aer's `phase_amplitude_damping_error`).

    Coherences are multiplied by sqrt(1 - gamma - lam).

    Args:
        gamma: the probability to decay.
        lam: that to be dephased; the sum is at most 1, where derivatives are infinite.
        excited: the population of |1> that it decays to.

    Raises:
        ValueError: out of range, where values are known; traced ones give NaN.
        TypeError: for what is no real number.
    """
    damped = (as_strength(gamma, "gamma"), as_strength(lam, "lam"))
    check_sum(damped, "gamma and lam")
    return Channel("phase_amplitude_damping", 1, (*damped, *optional(excited, "excited")))


def thermal_relaxation(
    t1: Strength, t2: Strength, time: Strength, excited: Strength = 0.0
) -> Channel:
    """What one qubit does while time passes (Aer's `thermal_relaxation_error`).

    Populations come to their equilibrium as exp(-time / t1), coherences vanish as exp(-time / t2).

    Args:
        t1: T1, above 0; it may be infinite.
        t2: T2, above 0 and at most 2 T1; it may be infinite.
        time: at least 0 and finite, in the unit of T1 and T2.
        excited: the population of |1> in equilibrium.

    Raises:
        ValueError: out of range, where values are known; traced ones give NaN.
        TypeError: for what is no real number.
    """
    tiny, most = np.finfo(np.float64).tiny, np.finfo(np.float64).max
    times = (
        as_strength(t1, "t1", tiny, np.inf),
        as_strength(t2, "t2", tiny, np.inf),
        as_strength(time, "time", 0, most),
    )
    if not any(map(is_traced, times[:2])) and times[1] > 2 * times[0]:
        raise ValueError(
            f"t2: expected at most 2 * t1 = {2 * times[0]:g}, got {times[1]:g}: no qubit has these"
        )
    return Channel("thermal_relaxation", 1, (*times, *optional(excited, "excited")))


def reset(p0: Strength, p1: Strength = 0.0) -> Channel:
    """One qubit is reset to |0> with probability p0, to |1> with p1 (Aer's `reset_error`).

    Raises:
        ValueError: for probabilities out of range or of a sum above 1, where they are known;
            traced ones give NaN.
        TypeError: for what is no real number.
    """
    strengths = (as_strength(p0, "p0"), *optional(p1, "p1"))
    check_sum(strengths, "p0 and p1")
    return Channel("reset", 1, strengths)


def mixed_unitary(
    probabilities: Sequence[Strength], matrices: Complex[ArrayLike, "m 2**k 2**k"] | Sequence
) -> Channel:
    """A unitary drawn at random acts (Aer's `mixed_unitary_error`).

    Args:
        probabilities: of each, shape `(m,)`; their sum is 1.
        matrices: the unitaries, shape `(m, 2**k, 2**k)`.

    Raises:
        ValueError: for other shapes, negative probabilities or a sum that is not 1 within 1e-8,
            and matrices that are not unitary within 1e-8; traced ones give NaN.
        TypeError: for what holds no numbers.
    """
    unitaries = as_operators(matrices, "matrices", 3)
    # A list may hold traced numbers, of which NumPy makes no array.
    members = probabilities if isinstance(probabilities, (list, tuple)) else None
    if any(map(np.ndim, members)) if members is not None else np.ndim(probabilities) != 1:
        raise ValueError(
            f"probabilities: expected a sequence of numbers, one for each matrix, got "
            f"{probabilities!r}"
        )
    if len(probabilities) != len(unitaries):
        raise ValueError(
            f"probabilities: expected one for each of {len(unitaries)} matrices, got "
            f"{len(probabilities)}"
        )
    drawn = [as_strength(p, f"probabilities[{k}]") for k, p in enumerate(probabilities)]
    for k in () if is_traced(unitaries) else range(len(unitaries)):
        coherent(unitaries[k])
    if any(map(is_traced, drawn)):
        return Channel("mixed_unitary", _num_qubits(unitaries), (jnp.stack(drawn), unitaries))
    if not abs(sum(drawn) - 1) <= TOLERANCE:
        raise ValueError(f"probabilities: expected a sum of 1, got {sum(drawn):.17g}")
    return Channel("mixed_unitary", _num_qubits(unitaries), (np.array(drawn), unitaries))


def _num_qubits(operators: Array | np.ndarray) -> int:
    size = operators.shape[-1].bit_length() - 1
    return as_whole(size, "number of qubits", 1, _MOST_QUBITS)


def _length(probabilities: Mapping[str, Strength]) -> int:
    """The number of qubits of Pauli strings that are given probabilities."""
    if not isinstance(probabilities, Mapping):
        raise TypeError(
            "probabilities: expected a dict of Pauli strings, such as {'X': 0.01}, got the "
            f"{type(probabilities).__name__} {probabilities!r}"
        )
    for label in probabilities:
        if not isinstance(label, str) or not label or set(label) - set("IXYZ"):
            raise ValueError(
                f"probabilities: expected strings of I, X, Y and Z such as 'XZ', got {label!r}"
            )
    lengths = {len(label) for label in probabilities}
    if len(lengths) != 1:
        raise ValueError(
            f"probabilities: expected Pauli strings of one length, got {list(probabilities)}"
        )
    return as_whole(lengths.pop(), "length of Pauli strings", 1, _MOST_QUBITS)
