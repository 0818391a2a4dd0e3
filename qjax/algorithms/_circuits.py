"""Floor 11. Feature map and ansatz, or their defaults -> the circuit of a variational estimator."""

from typing import NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes, z_feature_map, zz_feature_map

from qjax._base.options import as_whole


class Variational(NamedTuple):
    """A circuit, and what its parameters are."""

    circuit: QuantumCircuit
    inputs: list[Parameter]
    weights: list[Parameter]


def default_feature_map(num_qubits: int) -> QuantumCircuit:
    """The ZZ feature map, or for one qubit the Z feature map, as in Qiskit Machine Learning."""
    return z_feature_map(num_qubits) if num_qubits == 1 else zz_feature_map(num_qubits)


def variational_circuit(
    num_qubits: int | None,
    feature_map: QuantumCircuit | None,
    ansatz: QuantumCircuit | None,
    num_features: int,
) -> Variational:
    """The feature map, then the ansatz.

    Args:
        num_qubits: None for that of the larger circuit given, or without any for one per feature.
        feature_map: its parameters are the inputs; None for the default one.
        ansatz: its parameters are the weights; None for `real_amplitudes`.
        num_features: the width of the data.

    Raises:
        ValueError: for circuits of more qubits than `num_qubits`, parameters that both circuits
            have, or a feature map of another width.
        TypeError: for what is no circuit.
    """
    for name, circuit in (("feature_map", feature_map), ("ansatz", ansatz)):
        if circuit is not None and not isinstance(circuit, QuantumCircuit):
            raise TypeError(f"{name}: expected a QuantumCircuit or None, got {circuit!r}")
    sizes = [circuit.num_qubits for circuit in (feature_map, ansatz) if circuit is not None]
    if num_qubits is not None:
        num_qubits = as_whole(num_qubits, "num_qubits", max([1, *sizes]))
    else:
        num_qubits = max(sizes, default=num_features)
    if feature_map is None:
        feature_map = default_feature_map(num_qubits)
    if ansatz is None:
        ansatz = real_amplitudes(num_qubits)
    if feature_map.num_parameters != num_features:
        raise ValueError(
            f"X has {num_features} features, but the feature map of {num_qubits} qubits takes "
            f"{feature_map.num_parameters}"
        )
    inputs, weights = list(feature_map.parameters), list(ansatz.parameters)
    if shared := {parameter.name for parameter in inputs} & {one.name for one in weights}:
        raise ValueError(
            f"feature_map and ansatz: both have parameters {sorted(shared)}; expected other names"
        )
    # Smaller ones act on the first qubits.
    circuit = QuantumCircuit(num_qubits)
    circuit.compose(feature_map, range(feature_map.num_qubits), inplace=True)
    circuit.compose(ansatz, range(ansatz.num_qubits), inplace=True)
    return Variational(circuit, inputs, weights)
