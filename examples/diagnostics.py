"""What circuits can express, and whether they train: four figures, each with its check."""

from pathlib import Path

import jax
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map
from tqdm import tqdm

import qjax
from diagnostic_figures import (
    save_coefficients,
    save_dimensions,
    save_fidelities,
    save_variances,
)
from figures import example_parser
from qjax import diagnostics

KEYS = jax.random.split(jax.random.key(0), 4)


def rotations_and_ring(num_qubits: int, ring: bool) -> QuantumCircuit:
    """RX and RZ on each qubit, then controlled RX around a ring: circuits 1 and 19 of Sim et al."""
    angles, circuit = iter(ParameterVector("t", 3 * num_qubits)), QuantumCircuit(num_qubits)
    for qubit in range(num_qubits):
        circuit.rx(next(angles), qubit)
        circuit.rz(next(angles), qubit)
    for qubit in range(num_qubits if ring else 0):
        circuit.crx(next(angles), qubit, (qubit + 1) % num_qubits)
    return circuit


def show_expressibility(folder: Path) -> None:
    """Fidelities of random pairs of states, beside those of Haar-random states."""
    circuits = {
        "rotations": rotations_and_ring(4, False),
        "with a ring": rotations_and_ring(4, True),
    }
    fidelities, numbers = {}, {}
    for name, circuit in circuits.items():
        drawn = diagnostics.random_fidelities(circuit, samples=5000, key=KEYS[0])
        divergence = float(diagnostics.expressibility(circuit, key=KEYS[0]))
        entanglement = float(diagnostics.entangling_capability(circuit, key=KEYS[0]))
        print(f"{name}: expressibility {divergence:.3f}, entangling capability {entanglement:.3f}")
        label = f"{name}: divergence {divergence:.2f}, entangling {entanglement:.2f}"
        fidelities[label], numbers[name] = np.asarray(drawn), (divergence, entanglement)
    save_fidelities(folder / "diagnostics_expressibility.png", fidelities, 16)
    if not np.allclose([divergence for divergence, _ in numbers.values()], (0.30, 0.08), atol=0.04):
        raise SystemExit(f"expected the published expressibilities 0.08 and 0.30, got {numbers}")


def random_circuit(num_qubits: int, layers: int) -> QuantumCircuit:
    """Layers of rotations about random axes, and CZ on neighbours, as McClean et al. have them."""
    axes = np.random.default_rng(num_qubits).integers(3, size=(layers, num_qubits))
    angles, circuit = iter(ParameterVector("t", axes.size)), QuantumCircuit(num_qubits)
    circuit.ry(np.pi / 4, range(num_qubits))
    for layer in axes:
        for qubit, axis in enumerate(layer):
            (circuit.rx, circuit.ry, circuit.rz)[axis](next(angles), qubit)
        for qubit in range(num_qubits - 1):
            circuit.cz(qubit, qubit + 1)
    return circuit


def show_barren_plateaus(folder: Path) -> None:
    """The variance of derivatives over the width, for shallow and deep circuits."""
    widths, depths = (2, 5, 8), (3, 30)
    variances = {depth: [] for depth in depths}  # type: dict[int, list[float]]
    for depth, width in tqdm([(d, w) for d in depths for w in widths], desc="Gradient variance"):
        circuit, observable = random_circuit(width, depth), [("ZZ", [0, 1], 1.0)]
        found = diagnostics.gradient_variance(circuit, observable, samples=200, key=KEYS[1])
        variances[depth].append(float(found.mean()))
    slope = np.polyfit(widths, np.log2(variances[depths[1]]), 1)[0]
    print(f"Deep circuits: the variance falls by 2**{-slope:.2f} with each qubit")
    save_variances(folder / "diagnostics_plateau.png", widths, variances)
    if not -1.6 < slope < -0.6:
        raise SystemExit(f"expected about one power of two for each qubit, got {-slope}")


def show_effective_dimension(folder: Path) -> None:
    """Fisher spectra and effective dimensions of two feature maps, with the same weights."""
    ansatz, num_data = real_amplitudes(4, reps=1), np.geomspace(1000, 1e6, 30)
    weights = np.random.default_rng(0).uniform(-1, 1, (60, ansatz.num_parameters))
    inputs = np.random.default_rng(1).normal(size=(30, 4))
    spectra, dimensions = {}, {}
    for name, features in {
        "Z features": z_feature_map(4),
        "ZZ features": zz_feature_map(4),
    }.items():
        qnn = qjax.SamplerQNN(
            circuit=features.compose(ansatz),
            input_params=features.parameters,
            weight_params=ansatz.parameters,
            interpret=lambda outcome: outcome.bit_count() % 2,
            output_shape=2,
        )
        spectrum = diagnostics.fisher_spectrum(qnn, weights, inputs)
        dimension = diagnostics.effective_dimension(qnn, weights, inputs, num_data)
        spectra[name] = np.asarray(spectrum).ravel()
        dimensions[name] = np.asarray(dimension) / qnn.num_weights
        print(f"{name}: normalised effective dimension {dimensions[name][-1]:.2f} for 10**6 data")
    save_dimensions(folder / "diagnostics_dimension.png", spectra, num_data, dimensions)
    if not all(0 < values[-1] <= 1 for values in dimensions.values()):
        raise SystemExit(f"an effective dimension is out of bounds: {dimensions}")


def show_fourier_spectrum(folder: Path) -> None:
    """The coefficients that a model with four uploads of its input has for random weights."""
    x, weights, circuit = Parameter("x"), ParameterVector("w", 10), QuantumCircuit(1)
    for layer in range(5):
        circuit.ry(weights[2 * layer], 0)
        circuit.rz(weights[2 * layer + 1], 0)
        if layer < 4:
            circuit.rx(x, 0)
    qnn = qjax.EstimatorQNN(
        circuit=circuit, observables="Z", input_params=[x], weight_params=weights
    )
    sets = np.random.default_rng(2).uniform(0, 2 * np.pi, (300, qnn.num_weights))
    (frequencies,), coefficients = diagnostics.fourier_spectrum(qnn, sets)
    print("Frequencies:", diagnostics.input_frequencies(qnn)[0])
    save_coefficients(
        folder / "diagnostics_fourier.png", frequencies, np.asarray(coefficients[..., 0])
    )
    # Parseval: the mean of the square over a period, of any of the models.
    grid = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    power = np.mean(np.asarray(qnn.apply(sets[0], grid)) ** 2)
    if not np.isclose(np.sum(np.abs(coefficients[0]) ** 2), power, atol=1e-5):
        raise SystemExit("the coefficients do not have the power of the function")


def main() -> None:
    folder = example_parser(__doc__).parse_args().output
    show_expressibility(folder)
    show_barren_plateaus(folder)
    show_effective_dimension(folder)
    show_fourier_spectrum(folder)


if __name__ == "__main__":
    main()
