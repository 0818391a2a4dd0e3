"""Matrices of misread bits from counts: of known bits, and of Aer's noisy runs."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError

from qjax.mitigation import calibration_circuits, calibration_matrix

MATRICES = np.array([[[0.97, 0.03], [0.08, 0.92]], [[0.9, 0.1], [0.04, 0.96]]])


@pytest.mark.parametrize("joint", [False, True])
def test_circuits_prepare_known_bits(joint: bool) -> None:
    circuits = calibration_circuits(3, joint=joint)
    assert [circuit.num_clbits for circuit in circuits] == [3] * (8 if joint else 2)
    for circuit, state in zip(circuits, range(8) if joint else (0, 7), strict=True):
        prepared = Statevector(circuit.remove_final_measurements(inplace=False))
        assert prepared.probabilities()[state] == 1


@pytest.mark.parametrize("joint", [False, True])
def test_matrices_are_those_of_aer(joint: bool) -> None:
    noise = NoiseModel()
    for qubit, matrix in enumerate(MATRICES):
        noise.add_readout_error(ReadoutError(matrix), [qubit])
    shots = 50_000
    simulator = AerSimulator(noise_model=noise, seed_simulator=1)
    circuits = calibration_circuits(2, joint=joint)
    counts = [simulator.run(one, shots=shots).result().get_counts() for one in circuits]
    expected = np.kron(MATRICES[1], MATRICES[0]) if joint else MATRICES
    errors = np.sqrt(expected * (1 - expected) / shots)
    assert (abs(calibration_matrix(counts, joint=joint) - expected) < 4 * errors).all()


def test_results_of_every_kind_are_taken() -> None:
    expected = [[[0.75, 0.25], [0, 1]], [[1, 0], [0.5, 0.5]]]
    counts = [{"00": 3, "01": 1}, {"01": 1, "11": 1}]
    bits = [np.array([[0, 0]] * 3 + [[1, 0]]), np.array([[1, 0], [1, 1]])]
    probabilities = [[0.75, 0.25, 0, 0], [0, 0.5, 0, 0.5]]
    for results in (counts, bits, probabilities):
        assert np.allclose(calibration_matrix(results), expected)


@pytest.mark.parametrize(
    ("results", "joint", "kind", "message"),
    [
        ([{"0": 1}], False, ValueError, "results: expected those of 2 circuits"),
        ([{"00": 1}] * 2, True, ValueError, "results: expected those of 4 circuits"),
        ([{"00": 1}, {"0": 1}], False, ValueError, "results: expected as many bits"),
        ([{"00": 1}, {}], False, ValueError, r"results\[1\]: expected counts"),
        ({"00": 1}, False, TypeError, "results: expected a list"),
        ([{"0": 1}] * 2, "yes", TypeError, "joint: expected True or False"),
    ],
)
def test_bad_results(results: object, joint: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        calibration_matrix(results, joint=joint)


@pytest.mark.parametrize("size", [0, 13, 1.5])
def test_bad_sizes(size: object) -> None:
    with pytest.raises(ValueError, match="num_qubits: expected a whole number"):
        calibration_circuits(size, joint=True)
