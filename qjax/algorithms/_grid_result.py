"""Floor 11. What a search over a grid gave."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata


@dataclass(frozen=True, eq=False)
class GridResult:
    """What a search gave, by the names of scikit-learn's `GridSearchCV`.

    Attributes:
        params: the points of the grid, dictionaries.
        scores: on the fold that was left out, shape `(points, seeds, folds)`. A training that
            went astray counts with its last finite weights.
        seeds: what `random_state` was.
        best_estimator_: trained on all data with the best numbers; None without `refit`.
    """

    params: tuple[dict[str, Any], ...]
    scores: Float[np.ndarray, "points seeds folds"]
    seeds: tuple[int | None, ...]
    best_estimator_: Any = field(default=None, repr=False)

    @property
    def mean_test_score(self) -> Float[np.ndarray, " points"]:
        """The mean over seeds and folds."""
        return self.scores.mean((1, 2))

    @property
    def std_test_score(self) -> Float[np.ndarray, " points"]:
        """The standard deviation over seeds and folds."""
        return self.scores.std((1, 2))

    @property
    def rank_test_score(self) -> Int[np.ndarray, " points"]:
        """1 for the best mean; equal ones share the smaller rank."""
        means = np.where(np.isnan(self.mean_test_score), -np.inf, self.mean_test_score)
        return rankdata(-means, method="min").astype(np.int32)

    @property
    def best_index_(self) -> int:
        """The first point with the best mean."""
        return int(self.rank_test_score.argmin())

    @property
    def best_params_(self) -> dict[str, Any]:
        """The point with the best mean."""
        return self.params[self.best_index_]

    @property
    def best_score_(self) -> float:
        """The best mean."""
        return float(self.mean_test_score[self.best_index_])

    @property
    def cv_results_(self) -> dict[str, Any]:
        """A table as `GridSearchCV.cv_results_` has it; splits count folds first, then seeds."""
        names = sorted({name for point in self.params for name in point})
        columns: dict[str, Any] = {
            f"param_{name}": np.ma.array(
                [point.get(name) for point in self.params],
                mask=[name not in point for point in self.params],
                dtype=object,
            )
            for name in names
        }
        splits = self.scores.reshape(len(self.params), -1)
        columns |= {"params": list(self.params)}
        columns |= {f"split{i}_test_score": column for i, column in enumerate(splits.T)}
        return columns | {
            "mean_test_score": self.mean_test_score,
            "std_test_score": self.std_test_score,
            "rank_test_score": self.rank_test_score,
        }
