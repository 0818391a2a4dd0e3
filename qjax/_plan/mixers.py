"""Floor 3. Layers of RX between diagonal gates -> layers of RY, whose matrices are real.

With S = diag(1, i), S X S^dagger = Y, so RX(t) = S^dagger RY(t) S. Where all that mixes basis
states is RX, as in QAOA and in Trotter steps of Ising models, S commutes with everything else:
those between two layers cancel, and one of them is left at either end of the circuit. A real matrix
takes half the work of a complex one, and acts on its qubits wherever they stand.
"""

from collections.abc import Sequence

from qjax._circuit.gates import is_diagonal
from qjax._circuit.operations import Gate
from qjax._plan.factors import PlacedGate


def with_real_mixers(placed: Sequence[PlacedGate]) -> list[PlacedGate] | None:
    """The same circuit, with RY for RX behind the gates on single qubits that it begins with.

    None where those are not all that mixes basis states, or differ per sample.
    """
    first = _first(placed)
    rest = placed[first:]
    mixers = [gate for gate in rest if not is_diagonal(gate.gate.kind)]
    if not mixers or not all(map(_is_mixer, mixers)):
        return None
    qubits = sorted({gate.gate.qubits[0] for gate in mixers})
    turned = [_turned(gate) if _is_mixer(gate) else gate for gate in rest]
    return [*placed[:first], *_on_all("s", qubits), *turned, *_on_all("sdg", qubits)]


def _first(placed: Sequence[PlacedGate]) -> int:
    """How many gates come before the first on several qubits."""
    return next((k for k, gate in enumerate(placed) if len(gate.gate.support) > 1), len(placed))


def _is_mixer(placed: PlacedGate) -> bool:
    gate = placed.gate
    return gate.name == "rx" and gate.matrix is None and not gate.controls and not placed.batched


def _turned(placed: PlacedGate) -> PlacedGate:
    gate = placed.gate
    return placed._replace(gate=Gate("ry", gate.qubits, gate.angles))


def _on_all(name: str, qubits: Sequence[int]) -> list[PlacedGate]:
    return [PlacedGate(Gate(name, (qubit,)), False, ()) for qubit in qubits]
