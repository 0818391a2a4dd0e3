"""Floor 3. WeightedSumGate -> its definition, which Qiskit leaves to its transpiler."""

from qiskit import QuantumCircuit
from qiskit.circuit.library import WeightedSumGate


def weighted_sum(gate: WeightedSumGate) -> QuantumCircuit:
    """|x> |s> -> |x> |s + sum_j weights[j] x[j] mod 2**num_sum_qubits>, without ancillas.

    Qiskit specifies the gate for s = 0, and its synthesis with ancillas does the same for every s.
    Each bit of a weight that is set counts up the sum qubits from there on, where the state
    qubit is 1; a qubit flips where all those below it are 1, so the highest goes first.

    Raises:
        ValueError: for weights that are no integers >= 0.
    """
    circuit = QuantumCircuit(gate.num_qubits)
    for state, weight in enumerate(gate.params):
        if weight != int(weight) or weight < 0:
            raise ValueError(f"its weights are {gate.params}; expected integers >= 0")
        for lowest in range(gate.num_state_qubits, gate.num_qubits):
            if int(weight) >> (lowest - gate.num_state_qubits) & 1:
                for target in reversed(range(lowest, gate.num_qubits)):
                    circuit.mcx([state, *range(lowest, target)], target)
    return circuit
