"""Floor 2. Gate name -> matrix, as the textbook writes it.

A new gate is a row in `GATES`, its class in `qjax._qiskit.gate_names`, and its name in the
docstring of `qjax.operations.gate`: see CONTRIBUTING.md.

Matrices follow Qiskit's circuit library: angles in radians, the first qubit of a gate is the
least significant bit of its matrix index. Controls are no part of a gate's kind: any gate can
carry them (see `qjax._circuit.circuit.Gate`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import pi

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Rows = tuple[tuple[Array, ...], ...]


@dataclass(frozen=True)
class ConstantGate:
    """A gate without angles."""

    matrix: np.ndarray
    num_angles: int = 0

    @property
    def num_qubits(self) -> int:
        return self.matrix.shape[0].bit_length() - 1

    @property
    def periodic(self) -> bool:
        """Whether it has the period 4 pi in each of its angles, of which it has none."""
        return True


@dataclass(frozen=True)
class PhaseGate:
    """diag(exp(i * phase_r * angle)) over the basis states r."""

    phases: tuple[float, ...]
    num_angles: int = 1

    @cached_property
    def num_qubits(self) -> int:
        return len(self.phases).bit_length() - 1

    @cached_property
    def periodic(self) -> bool:
        """Whether it has the period 4 pi in its angle."""
        return all(2 * phase % 1 == 0 for phase in self.phases)


@dataclass(frozen=True)
class RotationGate:
    """A dense matrix that depends on angles; `rows` works elementwise on arrays of angles.

    Attributes:
        periodic: whether it has the period 4 pi in each of its angles, so that single precision
            may take full turns off each.
        real: whether all entries are real.
    """

    num_qubits: int
    num_angles: int
    rows: Callable[..., Rows]
    periodic: bool = True
    real: bool = False


GateKind = ConstantGate | PhaseGate | RotationGate


def is_diagonal(kind: GateKind) -> bool:
    """Whether the gate only gives phases to basis states."""
    if isinstance(kind, ConstantGate):
        return not np.any(kind.matrix - np.diag(np.diag(kind.matrix)))
    return isinstance(kind, PhaseGate)


def is_real(kind: GateKind) -> bool:
    """Whether all entries of the gate's matrix are real."""
    if isinstance(kind, ConstantGate):
        return not np.any(kind.matrix.imag)
    return isinstance(kind, RotationGate) and kind.real


def real(x: Array) -> Array:
    return lax.complex(x, jnp.zeros_like(x))


def imag(x: Array) -> Array:
    return lax.complex(jnp.zeros_like(x), x)


def expi(x: Array) -> Array:
    """exp(i x), without promoting through a Python complex."""
    return lax.complex(jnp.cos(x), jnp.sin(x))


def _half(theta: Array) -> tuple[Array, Array]:
    """cos(theta/2) and -i sin(theta/2): the two numbers in every Pauli rotation."""
    return real(jnp.cos(theta / 2)), imag(-jnp.sin(theta / 2))


def _rx(theta: Array) -> Rows:
    c, s = _half(theta)
    return ((c, s), (s, c))


def _ry(theta: Array) -> Rows:
    c, s = real(jnp.cos(theta / 2)), real(jnp.sin(theta / 2))
    return ((c, -s), (s, c))


def _r(theta: Array, phi: Array) -> Rows:
    c, s = _half(theta)
    return ((c, s * expi(-phi)), (s * expi(phi), c))


def _u(theta: Array, phi: Array, lam: Array) -> Rows:
    c, s = real(jnp.cos(theta / 2)), real(jnp.sin(theta / 2))
    # Not exp(i (phi + lam)): the sum of large angles would be rounded, and the matrix not unitary.
    left, right = expi(phi), expi(lam)
    return ((c, -s * right), (s * left, c * left * right))


def _rv(vx: Array, vy: Array, vz: Array) -> Rows:
    """exp(-i v.sigma/2); near v = 0 by its Taylor series, so that derivatives stay finite."""
    square = vx * vx + vy * vy + vz * vz
    small = square < 1e-3
    angle = jnp.sqrt(jnp.where(small, jnp.ones_like(square), square))
    c = jnp.where(small, 1 - square / 8 + square**2 / 384, jnp.cos(angle / 2))
    s = jnp.where(small, 0.5 - square / 48 + square**2 / 3840, jnp.sin(angle / 2) / angle)
    return (
        (lax.complex(c, -vz * s), lax.complex(-vy * s, -vx * s)),
        (lax.complex(vy * s, -vx * s), lax.complex(c, vz * s)),
    )


def _rxx(theta: Array) -> Rows:
    c, s = _half(theta)
    o = jnp.zeros_like(c)
    return ((c, o, o, s), (o, c, s, o), (o, s, c, o), (s, o, o, c))


def _ryy(theta: Array) -> Rows:
    c, s = _half(theta)
    o = jnp.zeros_like(c)
    return ((c, o, o, -s), (o, c, s, o), (o, s, c, o), (-s, o, o, c))


def _rzx(theta: Array) -> Rows:
    c, s = _half(theta)
    o = jnp.zeros_like(c)
    return ((c, o, s, o), (o, c, o, -s), (s, o, c, o), (o, -s, o, c))


def _xx_plus_yy(theta: Array, beta: Array) -> Rows:
    c, s = _half(theta)
    o, e = jnp.zeros_like(c), jnp.ones_like(c)
    return ((e, o, o, o), (o, c, s * expi(-beta), o), (o, s * expi(beta), c, o), (o, o, o, e))


def _xx_minus_yy(theta: Array, beta: Array) -> Rows:
    c, s = _half(theta)
    o, e = jnp.zeros_like(c), jnp.ones_like(c)
    return ((c, o, o, s * expi(-beta)), (o, e, o, o), (o, o, e, o), (s * expi(beta), o, o, c))


def _constant(rows: list[list[complex]], factor: complex = 1) -> ConstantGate:
    return ConstantGate(factor * np.array(rows, complex))


GATES: dict[str, GateKind] = {
    "id": _constant([[1, 0], [0, 1]]),
    "x": _constant([[0, 1], [1, 0]]),
    "y": _constant([[0, -1j], [1j, 0]]),
    "z": _constant([[1, 0], [0, -1]]),
    "h": _constant([[1, 1], [1, -1]], 0.5**0.5),
    "s": _constant([[1, 0], [0, 1j]]),
    "sdg": _constant([[1, 0], [0, -1j]]),
    "t": _constant([[1, 0], [0, np.exp(0.25j * pi)]]),
    "tdg": _constant([[1, 0], [0, np.exp(-0.25j * pi)]]),
    "sx": _constant([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]], 0.5),
    "sxdg": _constant([[1 - 1j, 1 + 1j], [1 + 1j, 1 - 1j]], 0.5),
    "swap": _constant([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
    "iswap": _constant([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]]),
    "dcx": _constant([[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]),
    "ecr": _constant([[0, 1, 0, 1j], [1, 0, -1j, 0], [0, 1j, 0, 1], [-1j, 0, 1, 0]], 0.5**0.5),
    "global_phase": PhaseGate((1,)),
    "p": PhaseGate((0, 1)),
    "rz": PhaseGate((-0.5, 0.5)),
    "rzz": PhaseGate((-0.5, 0.5, 0.5, -0.5)),
    "rx": RotationGate(1, 1, _rx),
    "ry": RotationGate(1, 1, _ry, real=True),
    "r": RotationGate(1, 2, _r),
    "u": RotationGate(1, 3, _u),
    "rv": RotationGate(1, 3, _rv, periodic=False),
    "rxx": RotationGate(2, 1, _rxx),
    "ryy": RotationGate(2, 1, _ryy),
    "rzx": RotationGate(2, 1, _rzx),
    "xx_plus_yy": RotationGate(2, 2, _xx_plus_yy),
    "xx_minus_yy": RotationGate(2, 2, _xx_minus_yy),
}

LABELS = {"u1": "p", "u2": "u", "u3": "u"}
"""Qiskit's other names of gates, which noise may be for -> their names here."""
