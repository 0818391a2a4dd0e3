"""Floor 11. The variational quantum classifier."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseSamplerV2
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from qjax._base.options import as_whole
from qjax._networks import Network, SamplerQNN
from qjax._noise import NoiseModel
from qjax._simulators import Simulator
from qjax.algorithms._arguments import checked_network
from qjax.algorithms._circuits import variational_circuit
from qjax.algorithms._classifier import NetworkClassifierBase
from qjax.training import Plateau


class VQC(NetworkClassifierBase):
    """A feature map, an ansatz, and a class for each residue of the measured integer.

    Qiskit Machine Learning's arguments, scikit-learn's ways. The probability of a class is that of
    measuring an integer whose remainder, divided by the number of classes, is the class's number;
    it is trained on rows of a one-hot matrix. Without arguments it has a qubit for each feature
    of the data, `zz_feature_map` and `real_amplitudes` (V. Havlicek et al., Nature 567, 209
    (2019), for the method).

        classifier = VQC(optimizer=optax.adam, learning_rate=0.1).fit(x, labels)

    Args:
        num_qubits: None for as many as the circuits have, or without any as there are features.
        feature_map: a circuit whose parameters are the features; None for `zz_feature_map`, or
            `z_feature_map` of one qubit.
        ansatz: a circuit whose parameters are the weights; None for `real_amplitudes`.
        loss, optimizer, warm_start, initial_point, callback: as in `NeuralNetworkClassifier`.
        sampler: what is asked for samples; None for exact probabilities.
        pass_manager: transpiles the circuit for the sampler.
        simulator: how states are represented; one of `qjax.simulators`. None chooses.
        noise: a `qjax.noise.NoiseModel`; None for an ideal device.
        shots: how many measurements outputs are estimated from, at each step and in predictions;
            None for exact outputs. Draws are as in `NeuralNetworkClassifier`.
        interpret: the measured integer -> the number of a class, instead of the remainder.
        output_shape: how many outputs there are; None for one for each class.
        learning_rate, max_iter, batch_size, validation_fraction, patience, convergence: as in
            `NeuralNetworkClassifier`.
        class_weight, restarts, random_state, progress: as there.

    Attributes:
        classes_, network_, weights_, fit_result_, loss_, loss_curve_, n_iter_, n_features_in_: as
            in `NeuralNetworkClassifier`.
    """

    def __init__(
        self,
        num_qubits: int | None = None,
        feature_map: QuantumCircuit | None = None,
        ansatz: QuantumCircuit | None = None,
        loss: object = "cross_entropy",
        optimizer: object = None,
        warm_start: bool = False,
        initial_point: object = None,
        callback: Callable[[np.ndarray, float], object] | None = None,
        *,
        sampler: BaseSamplerV2 | None = None,
        pass_manager: BasePassManager | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        interpret: Callable[[int], Any] | None = None,
        output_shape: int | None = None,
        learning_rate: object = None,
        max_iter: int | None = None,
        batch_size: int | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        convergence: Plateau | None = None,
        class_weight: object = None,
        restarts: int = 1,
        random_state: object = None,
        progress: bool = False,
    ) -> None:
        self.num_qubits = num_qubits
        self.feature_map = feature_map
        self.ansatz = ansatz
        self.sampler = sampler
        self.pass_manager = pass_manager
        self.simulator = simulator
        self.noise = noise
        self.shots = shots
        self.interpret = interpret
        self.output_shape = output_shape
        self.class_weight = class_weight
        super().__init__(
            loss=loss,
            optimizer=optimizer,
            warm_start=warm_start,
            initial_point=initial_point,
            callback=callback,
            learning_rate=learning_rate,
            max_iter=max_iter,
            batch_size=batch_size,
            validation_fraction=validation_fraction,
            patience=patience,
            convergence=convergence,
            restarts=restarts,
            random_state=random_state,
            progress=progress,
        )

    @property
    def neural_network(self) -> Network:
        """The network that was trained, as in Qiskit Machine Learning: `network_`."""
        check_is_fitted(self)
        return self.network_

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit that was trained."""
        check_is_fitted(self)
        return self._circuit

    def _network_for(self, num_features: int, num_classes: int) -> Network:
        circuit, inputs, weights = variational_circuit(
            self.num_qubits, self.feature_map, self.ansatz, num_features
        )
        self._circuit = circuit
        outputs = num_classes
        if self.output_shape is not None:
            outputs = as_whole(self.output_shape, "output_shape", 2)
        if self.interpret is None and outputs > 2**circuit.num_qubits:
            raise ValueError(
                f"num_qubits: got {circuit.num_qubits}, which have {2**circuit.num_qubits} "
                f"outcomes; expected as many as there are classes, {outputs}, or more"
            )
        network = SamplerQNN(
            circuit=circuit,
            input_params=inputs,
            weight_params=weights,
            interpret=partial(_remainder, outputs) if self.interpret is None else self.interpret,
            output_shape=outputs,
            sampler=self.sampler,
            pass_manager=self.pass_manager,
            simulator=self.simulator,
            noise=self.noise,
            shots=self.shots,
        )
        return checked_network(network, num_features, None)

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        # The default circuit fits few data sets: not scikit-learn's blobs.
        tags.classifier_tags.poor_score = True
        return tags

    def _is_one_hot(self) -> bool:
        return True


def _remainder(divisor: int, integer: int) -> int:
    return integer % divisor
