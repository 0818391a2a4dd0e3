"""Floor 11. A network as a regressor of scikit-learn's."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import column_or_1d

from qjax._base.arrays import as_real_numpy, counted
from qjax._networks import Network
from qjax.algorithms._arguments import checked_network
from qjax.algorithms._classifier import check_meaning, outcome_costs
from qjax.algorithms._estimator import NetworkEstimator
from qjax.algorithms._losses import Loss
from qjax.algorithms._objective import expected_cost
from qjax.training import Plateau


class NetworkRegressorBase(RegressorMixin, NetworkEstimator):
    """What a regressor does with values and outputs, whatever makes its network."""

    @abstractmethod
    def _network_for(self, num_features: int, num_values: int) -> Network:
        """The network for data of that width, with so many values for each sample."""

    def _learn(
        self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, loss: Loss
    ) -> tuple[Network, np.ndarray, Loss, np.ndarray]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        values = as_real_numpy(y, "y").astype(float)
        num_values = 1 if values.ndim == 1 else values.shape[1]
        network = self._network_for(X.shape[1], num_values)
        (num_outputs,) = np.atleast_1d(network.output_shape)
        self._form = _form(num_outputs, values)
        check_meaning(network, loss, as_rows=self._form != "outcomes")
        if self._form == "outcomes":
            return network, outcome_costs(loss, values, num_outputs), expected_cost, weights
        return network, values.reshape(len(values), -1), loss, weights

    def predict(self, X: Any) -> Float[np.ndarray, "samples *values"]:
        """The value of each sample, of the shape that was fitted."""
        outputs = self._outputs(X)
        if self._form == "outcomes":
            return outputs @ np.arange(outputs.shape[1])
        return outputs[:, 0] if self._form == "one" else outputs


class NeuralNetworkRegressor(NetworkRegressorBase):
    """A neural network as a regressor: Qiskit Machine Learning's arguments, scikit-learn's ways.

    The outputs are compared with the values `y`, of shape `(samples,)` for one output, or
    `(samples, outputs)`. For single values and a network of several outputs, these are
    probabilities of outcomes 0, 1, ..., as in Qiskit Machine Learning: the loss is the mean loss of
    the outcome, and the mean outcome is predicted. An expectation value lies between the least
    and the largest eigenvalue of its observable, so values may have to be scaled:
    `sklearn.compose.TransformedTargetRegressor` does.

    Args:
        neural_network: as in `NeuralNetworkClassifier`; a function is given the number of features
            and that of values for each sample.
        loss: as in `NeuralNetworkClassifier`.
        optimizer, warm_start, initial_point, callback, learning_rate, max_iter, batch_size: as in
            `NeuralNetworkClassifier`.
        validation_fraction, patience, convergence, restarts, random_state, progress: as there.

    Attributes:
        network_, weights_, fit_result_, loss_, loss_curve_, n_iter_, n_features_in_: as in
            `NeuralNetworkClassifier`.
    """

    def __init__(
        self,
        neural_network: Network | Callable[[int, int], Network],
        loss: object = "squared_error",
        optimizer: object = None,
        warm_start: bool = False,
        initial_point: object = None,
        callback: Callable[[np.ndarray, float], object] | None = None,
        *,
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
        self.neural_network = neural_network
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

    def _network_for(self, num_features: int, num_values: int) -> Network:
        return checked_network(self.neural_network, num_features, num_values)

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn asks of an estimator."""
        tags = super().__sklearn_tags__()
        shape = getattr(self.neural_network, "output_shape", None)
        tags.target_tags.multi_output = shape not in {1, (1,)}
        return tags


def _form(num_outputs: int, values: np.ndarray) -> str:
    if values.ndim == 1:
        return "one" if num_outputs == 1 else "outcomes"
    if values.shape[1] != num_outputs:
        raise ValueError(
            f"y: got {values.shape[1]} values for each sample, but the network has "
            f"{counted(num_outputs, 'output')}; expected as many"
        )
    return "all"
