"""Floor 11. The variational quantum regressor."""

from collections.abc import Callable, Sequence

import numpy as np
from qiskit import QuantumCircuit
from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2
from qiskit.quantum_info.operators.base_operator import BaseOperator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from qjax._networks import EstimatorQNN, Network
from qjax._noise import NoiseModel
from qjax._simulators import Simulator
from qjax.algorithms._arguments import checked_network
from qjax.algorithms._circuits import variational_circuit
from qjax.algorithms._regressor import NetworkRegressorBase
from qjax.training import Plateau


class VQR(NetworkRegressorBase):
    """A feature map, an ansatz, and the expectation value of an observable.

    Qiskit Machine Learning's arguments, scikit-learn's ways. Values are between the least and the
    largest eigenvalue of the observable, -1 and 1 by default. Without arguments it has a qubit for
    each feature of the data, `zz_feature_map` and `real_amplitudes` (K. Mitarai et al., Phys. Rev.
    A 98, 032309 (2018), for the method).

        regressor = VQR(optimizer=optax.adam, learning_rate=0.1).fit(x, y)

    Args:
        num_qubits, feature_map, ansatz: as in `VQC`.
        observable: an operator; None for Z on every qubit.
        loss, optimizer, warm_start, initial_point, callback: as in `NeuralNetworkClassifier`.
        estimator: what is asked for expectation values; None for exact ones.
        pass_manager: transpiles the circuit for the estimator.
        simulator: how states are represented; one of `qjax.simulators`. None chooses.
        noise: a `qjax.noise.NoiseModel`; None for an ideal device.
        shots: how many measurements outputs are estimated from, at each step and in predictions;
            None for exact outputs. Draws are as in `NeuralNetworkClassifier`.
        learning_rate, max_iter, batch_size, validation_fraction, patience, convergence: as in
            `NeuralNetworkClassifier`.
        restarts, random_state, progress: as there.

    Attributes:
        network_, weights_, fit_result_, loss_, loss_curve_, n_iter_, n_features_in_: as in
            `NeuralNetworkClassifier`.
    """

    def __init__(
        self,
        num_qubits: int | None = None,
        feature_map: QuantumCircuit | None = None,
        ansatz: QuantumCircuit | None = None,
        observable: BaseOperator | str | Sequence[BaseOperator | str] | None = None,
        loss: object = "squared_error",
        optimizer: object = None,
        warm_start: bool = False,
        initial_point: object = None,
        callback: Callable[[np.ndarray, float], object] | None = None,
        *,
        estimator: BaseEstimatorV2 | None = None,
        pass_manager: BasePassManager | None = None,
        simulator: Simulator | None = None,
        noise: NoiseModel | None = None,
        shots: int | None = None,
        learning_rate: object = None,
        max_iter: int | None = None,
        batch_size: int | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        convergence: Plateau | None = None,
        restarts: int = 1,
        random_state: object = None,
        progress: bool = False,
    ) -> None:
        self.num_qubits = num_qubits
        self.feature_map = feature_map
        self.ansatz = ansatz
        self.observable = observable
        self.estimator = estimator
        self.pass_manager = pass_manager
        self.simulator = simulator
        self.noise = noise
        self.shots = shots
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

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        # Values between -1 and 1 are no fit for scikit-learn's targets, of any size.
        tags.regressor_tags.poor_score = True
        return tags

    def _network_for(self, num_features: int, num_values: int) -> Network:  # noqa: ARG002
        circuit, inputs, weights = variational_circuit(
            self.num_qubits, self.feature_map, self.ansatz, num_features
        )
        self._circuit = circuit
        network = EstimatorQNN(
            circuit=circuit,
            observables=self.observable,
            input_params=inputs,
            weight_params=weights,
            estimator=self.estimator,
            pass_manager=self.pass_manager,
            simulator=self.simulator,
            noise=self.noise,
            shots=self.shots,
        )
        return checked_network(network, num_features, None)
