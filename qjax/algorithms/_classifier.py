"""Floor 11. A network as a classifier of scikit-learn's."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight

from qjax._base.options import as_flag
from qjax._networks import EstimatorQNN, Network, SamplerQNN
from qjax.algorithms._arguments import checked_network, mean_one
from qjax.algorithms._estimator import NetworkEstimator
from qjax.algorithms._labels import (
    Labels,
    as_predicted,
    class_outputs,
    one_hot_targets,
    read_classes,
    sign_targets,
)
from qjax.algorithms._losses import Loss, cross_entropy, cross_entropy_of_qiskit
from qjax.algorithms._objective import expected_cost
from qjax.training import Plateau

NetworkOrFunction = Network | Callable[[int, int], Network]


class NetworkClassifierBase(ClassifierMixin, NetworkEstimator):
    """What a classifier does with labels and outputs, whatever makes its network."""

    class_weight: Any

    @abstractmethod
    def _network_for(self, num_features: int, num_classes: int) -> Network:
        """The network for data of that width, with outputs for so many classes."""

    @abstractmethod
    def _is_one_hot(self) -> bool:
        """Whether the loss compares all outputs of a sample with a row of a one-hot matrix."""

    def _learn(
        self, X: np.ndarray, y: np.ndarray, weights: np.ndarray, loss: Loss
    ) -> tuple[Network, np.ndarray, Loss, np.ndarray]:
        classes, indices, as_rows = read_classes(y, type(self).__name__)
        network = self._network_for(X.shape[1], len(classes))
        (num_outputs,) = np.atleast_1d(network.output_shape)
        labels = Labels(classes, class_outputs(classes, num_outputs), as_rows)
        one_hot = self._is_one_hot()
        if as_rows and not one_hot:
            raise ValueError(
                "y: got rows of a one-hot matrix with one_hot=False; expected labels, shape "
                "(samples,), or one_hot=True"
            )
        check_meaning(network, loss, as_rows=one_hot)
        targets, loss = _targets(labels, indices, num_outputs, loss, one_hot)
        self._labels, self.classes_ = labels, classes
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, classes[indices])
            by_class = (weights * by_class).astype(weights.dtype)
            weights = mean_one(by_class, self, "class_weight")
        return network, targets, loss, weights

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return y

    @property
    def num_classes(self) -> int | None:
        """How many classes the last fit has seen, as in Qiskit Machine Learning; None before."""
        return len(self.classes_) if hasattr(self, "classes_") else None

    def predict(self, X: Any) -> Shaped[np.ndarray, " samples"]:
        """The label of each sample, of the type that was fitted; one-hot rows where these were."""
        scores = self.decision_function(X)
        best = scores.argmax(1) if scores.ndim == 2 else (scores > 0).astype(int)
        return as_predicted(self._labels, best)

    def decision_function(self, X: Any) -> Float[np.ndarray, "samples *classes"]:
        """What decides between the classes.

        Returns:
            for two classes shape `(samples,)`: above 0 for the second one; it is the output of a
            network of one, else the difference of two outputs. For more, shape `(samples,
            classes)`: the outputs of the classes, of which the largest decides.
        """
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            return outputs[:, 0]
        scores = outputs[:, self._labels.outputs]
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> Float[np.ndarray, "samples classes"]:
        """A probability for each class, in the order of `classes_`; rows sum to 1.

        With one output m it is (1 - m) / 2 and (1 + m) / 2. Probabilities of a `SamplerQNN` are
        divided by their sum over the classes. Other outputs, such as expectation values, go through
        a softmax.
        """
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            second = np.clip((1 + outputs[:, 0]) / 2, 0, 1)
            return np.stack([1 - second, second], 1)
        scores = outputs[:, self._labels.outputs]
        if not isinstance(self.network_, SamplerQNN):
            return _softmax(scores)
        shares = np.clip(scores, 0, None)
        total = shares.sum(1, keepdims=True)
        even = np.full_like(shares, 1 / shares.shape[1])
        return np.where(total > 0, shares / np.where(total > 0, total, 1), even)


class NeuralNetworkClassifier(NetworkClassifierBase):
    """A neural network as a classifier: Qiskit Machine Learning's arguments, scikit-learn's ways.

    A network of one output (an expectation value) tells two classes apart by its sign: targets are
    -1 for the first class, in sorted order, and +1 for the second. With several outputs, taken for
    probabilities of outcomes, there is one for each class. With `one_hot` the loss compares all
    outputs with a row of zeros and a one; without, it is the mean loss of the outcome, a number,
    against the number of the class, as in Qiskit Machine Learning. Labels that are numbers of
    outputs stand for these; others are numbered in sorted order. Outputs beyond those of the
    classes count in the loss, and are never predicted.

        classifier = NeuralNetworkClassifier(qnn, optimizer=optax.adam, learning_rate=0.1)

    Args:
        neural_network: a network of `qjax`, on a primitive too, or any `qjax.Network`. Or a
            function `(num_features, num_classes) -> network`, for data of any width.
        loss: "squared_error", "absolute_error", "cross_entropy" (with `one_hot`; in bits), a loss
            of Qiskit Machine Learning's, or a JAX function `(predictions, targets)` -> one number
            for each sample, such as `optax.softmax_cross_entropy`.
        one_hot: see above; it has no meaning for one output.
        optimizer: a transformation of optax's or `qjax.optimizers`, trained in one compiled loop;
            a function that makes one of `learning_rate`, so that other rates compile nothing; the
            name of a method of `scipy.optimize.minimize`; an optimizer of Qiskit Machine
            Learning's, or a function `(fun, x0, jac) -> result` like those; None for its default,
            SLSQP. These two take the steps that they take there: the slope of `cross_entropy` that
            they are told is (prediction - target), which is not that of its values. All others
            follow the true one; "SLSQP" does.
        warm_start: whether a fit goes on from the weights of the last one.
        initial_point: where to start, shape `(num_weights,)`; None draws from [-1, 1). With
            `restarts` also several rows; what is missing is drawn.
        callback: called as `callback(weights, loss)`: at each step of optax's, at each evaluation
            of SciPy's. Compiled steps are told in blocks, in their order. What it returns counts
            for nothing: `convergence` and `patience` end a training earlier.
        learning_rate: for an `optimizer` that is a function of it: a number, or a schedule of
            optax's, which is part of the program.
        max_iter: steps of optax's (1000 by default), iterations of SciPy's.
        batch_size: rows of a step; None for all. For compiled steps only, as are
            `validation_fraction`, `patience` and `convergence`.
        validation_fraction: which part of the rows is kept aside. Every 10 steps the loss on them
            is computed; the weights with the least are kept.
        patience: how many of these checks without a smaller loss end the training.
        convergence: a rule that ends it, such as `qjax.training.Plateau()`.
        class_weight: factors by label, or "balanced", on the weights of samples.
        restarts: how many starting points to train from, in one program where steps are compiled;
            the best is kept, by the loss on the rows kept aside if there are any.
        random_state: seed of starting points, batches and split. Of a network with `shots` (or any
            whose `needs_key` is True), of all draws too: each step of a training, or evaluation of
            an optimizer on the host, has its own. Predictions have one key, so that the same call
            gives the same prediction; a sample's draws follow from its place in `X`.
        progress: whether to show a bar (needs the extra `progress`).

    Attributes:
        classes_: the labels, sorted.
        network_: the network that was trained.
        weights_: the trained weights, shape `(num_weights,)`; also `weights`. Of steps that ended
            with a `ConvergenceWarning`, as loss or weights became infinite or NaN, the last with a
            finite loss.
        fit_result_: the optimizer's result; also `fit_result`.
        loss_: the loss that was reached, on the rows kept aside if there are any.
        loss_curve_: the loss of each step, or evaluation.
        n_iter_: how many steps, or iterations, were taken.
        n_features_in_: the number of features.
    """

    def __init__(
        self,
        neural_network: NetworkOrFunction,
        loss: object = "squared_error",
        one_hot: bool = False,
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
        class_weight: object = None,
        restarts: int = 1,
        random_state: object = None,
        progress: bool = False,
    ) -> None:
        self.neural_network = neural_network
        self.one_hot = one_hot
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

    def _network_for(self, num_features: int, num_classes: int) -> Network:
        return checked_network(self.neural_network, num_features, num_classes)

    def _is_one_hot(self) -> bool:
        return as_flag(self.one_hot, "one_hot")


def _targets(
    labels: Labels, indices: np.ndarray, num_outputs: int, loss: Loss, one_hot: bool
) -> tuple[np.ndarray, Loss]:
    """What outputs are compared with, and how."""
    if num_outputs == 1:
        if one_hot:
            raise ValueError(
                "one_hot: got True with a network of one output, whose sign tells two classes "
                "apart; expected False, or a network with an output for each class"
            )
        return sign_targets(indices), loss
    outputs = labels.outputs[indices]
    if one_hot:
        return one_hot_targets(outputs, num_outputs), loss
    return outcome_costs(loss, outputs.astype(float), num_outputs), expected_cost


def check_meaning(network: Network, loss: Loss, *, as_rows: bool) -> None:
    """Require probabilities, where outputs are taken for these: those of an `EstimatorQNN` are not.

    Args:
        network: whose outputs they are.
        loss: what compares them.
        as_rows: whether all outputs of a sample are compared with a row, not outcomes with numbers.

    Raises:
        ValueError: says what is expected instead.
    """
    (num_outputs,) = np.atleast_1d(network.output_shape)
    values = isinstance(network, EstimatorQNN)
    entropy = loss is cross_entropy or loss is cross_entropy_of_qiskit
    if entropy and (values or num_outputs == 1 or not as_rows):
        raise ValueError(
            "loss: cross_entropy compares the probabilities of a SamplerQNN with rows, such as "
            "those of one_hot=True; expected these, or loss='squared_error' (of expectation "
            "values, optax.softmax_cross_entropy with one_hot=True)"
        )
    if values and num_outputs > 1 and not as_rows:
        raise ValueError(
            f"neural_network: its {num_outputs} outputs are expectation values, but would be taken "
            "for probabilities of outcomes; expected a SamplerQNN, one observable, or rows to "
            "compare all outputs with (one_hot=True; of a regressor y of several columns)"
        )


def outcome_costs(
    loss: Loss, targets: Float[np.ndarray, " samples"], num_outputs: int
) -> Float[np.ndarray, "samples outputs"]:
    """The loss of each outcome, a number from 0 on, for each target."""
    with jax.enable_x64(True):
        values = jnp.asarray(targets, float)
        outcomes = [jnp.full_like(values, outcome) for outcome in range(num_outputs)]
        return np.stack([np.asarray(loss(outcome, values)) for outcome in outcomes], 1)


def _softmax(scores: Float[np.ndarray, "samples classes"]) -> Float[np.ndarray, "samples classes"]:
    raised = np.exp(scores - scores.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)
