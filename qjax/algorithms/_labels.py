"""Floor 11. Labels of any type <-> the outputs of a network that stand for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from qjax._base.arrays import counted


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes of a fit.

    Attributes:
        classes: sorted labels, shape `(classes,)`.
        outputs: for each class, the index of the output whose value is its probability; empty for
            a network of one output, whose sign tells two classes apart.
        as_rows: whether labels were rows of a one-hot matrix, as predictions are then.
    """

    classes: Shaped[np.ndarray, " classes"]
    outputs: Int[np.ndarray, " classes"]
    as_rows: bool = False


def read_classes(y: Any, name: str) -> tuple[Shaped[np.ndarray, " classes"], np.ndarray, bool]:
    """What labels there are: the classes, the index of each sample's class, and `as_rows`.

    Args:
        y: labels, shape `(samples,)`; or rows of a one-hot matrix, shape `(samples, classes)`.
        name: of the estimator, for messages.

    Raises:
        ValueError: for labels that are continuous, of several classes at once, or all the same.
        TypeError: for labels of several types, which have no order.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        indices = _from_rows(y)
        return np.arange(y.shape[1]), indices, True
    y = column_or_1d(y, warn=True)
    try:
        classes, indices = np.unique(y, return_inverse=True)
    except TypeError as error:
        names = sorted({type(label).__name__ for label in y})
        raise TypeError(f"y: expected labels of one type, got {', '.join(names)}") from error
    check_classification_targets(y)
    if len(classes) < 2:
        raise ValueError(
            f"y: {name} needs labels of at least 2 classes, got one class only: {classes.tolist()}"
        )
    return classes, indices, False


def class_outputs(classes: np.ndarray, num_outputs: int) -> Int[np.ndarray, " classes"]:
    """Which output stands for each class.

    Labels that are indices of outputs stand for these, as in Qiskit Machine Learning; others
    take the first outputs in their order.

    Raises:
        ValueError: for more classes than outputs can tell apart.
    """
    most = 2 if num_outputs == 1 else num_outputs
    if len(classes) > most:
        raise ValueError(
            f"y: got {len(classes)} classes, but {counted(num_outputs, 'output')} of the network "
            f"can tell {most} apart; expected a network with an output for each class"
        )
    if num_outputs == 1:
        return np.zeros(0, int)
    if classes.dtype.kind in "iu" and classes[0] >= 0 and classes[-1] < num_outputs:
        return classes.astype(int)
    return np.arange(len(classes))


def sign_targets(indices: Int[np.ndarray, " samples"]) -> Float[np.ndarray, "samples 1"]:
    """-1 for the first class and +1 for the second."""
    return (2.0 * indices - 1.0)[:, None]


def one_hot_targets(
    outputs: Int[np.ndarray, " samples"], num_outputs: int
) -> Float[np.ndarray, "samples outputs"]:
    """1 at the output that stands for the class of a sample, else 0."""
    return (outputs[:, None] == np.arange(num_outputs)).astype(float)


def as_predicted(labels: Labels, indices: Int[np.ndarray, " samples"]) -> np.ndarray:
    """Indices of classes as labels, of the form in which these were given."""
    if labels.as_rows:
        return one_hot_targets(indices, len(labels.classes))
    return labels.classes[indices]


def _from_rows(y: np.ndarray) -> Int[np.ndarray, " samples"]:
    if y.dtype.kind not in "biuf" or not np.isin(y, (0, 1)).all() or (y.sum(1) != 1).any():
        raise ValueError(
            f"y: expected one label for each sample, shape (samples,), or rows of a one-hot "
            f"matrix, with a single 1 in each; got shape {y.shape} with other numbers"
        )
    return y.argmax(1)
