"""All fits of a table, and what each came to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmark_study.datasets import Dataset
from benchmark_study.fitting import Fit, fit_and_score
from benchmark_study.images import fewer
from benchmark_study.models import KERNEL_MODELS
from benchmark_study.published import Published, published

# Image sets without published numbers take the hyperparameters of this one.
NAMESAKE = "mnist_pca"
FEW_SAMPLES = (*KERNEL_MODELS, "SVC")


@dataclass(frozen=True)
class Row:
    """A model on a data set.

    Attributes:
        dataset, model: their names.
        hyperparameters: that it was fitted with.
        fits: one for each seed.
        test_samples: how many points the test set has.
        published: the paper's result; None where it has none.
    """

    dataset: str
    model: str
    hyperparameters: Mapping[str, Any]
    fits: tuple[Fit, ...]
    test_samples: int
    published: Published | None

    @property
    def test(self) -> np.ndarray:
        """The accuracies on the test set, one for each seed."""
        return np.array([fit.test for fit in self.fits])

    @property
    def train(self) -> np.ndarray:
        """Those on the training set."""
        return np.array([fit.train for fit in self.fits])


def rows(
    datasets: Sequence[Dataset],
    models: Sequence[str],
    seeds: Sequence[int],
    max_steps: int | None,
    chosen: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Iterator[Row]:
    """Fit every model to every data set, with every seed, and yield each row as it is complete.

    Args:
        datasets: what models are fitted to.
        models: names of models.
        seeds: of the fits; the paper has 0 to 4.
        max_steps: of a training; None for the study's.
        chosen: hyperparameters by data set and model; others are the paper's best.
    """
    total = len(datasets) * len(models) * len(seeds)
    with tqdm(total=total, unit="fit") as bar:
        for dataset in datasets:
            for model in models:
                seen = samples_for(model, dataset)
                bar.set_description(f"{seen.name} {model}", refresh=True)
                best = chosen.get((seen.name, model)) or best_of_paper(seen.name, model)
                fits = []
                for seed in seeds:
                    fits.append(_fit(model, best, seen, seed, max_steps))
                    bar.update()
                paper = published(seen.name, model)
                yield Row(seen.name, model, best, tuple(fits), len(seen.test), paper)


def samples_for(model: str, dataset: Dataset) -> Dataset:
    """The data set, or the few samples of it that the paper's kernels get of images."""
    return fewer(dataset) if model in FEW_SAMPLES else dataset


def best_of_paper(dataset: str, model: str) -> dict[str, Any]:
    """The paper's best hyperparameters; of MNIST's for image sets that it does not have."""
    for name in (dataset, NAMESAKE, f"{NAMESAKE}-"):
        if (found := published(name, model)) is not None:
            return found.best
    raise ValueError(f"model: the paper has no {model}")


def _fit(
    model: str,
    hyperparameters: Mapping[str, Any],
    dataset: Dataset,
    seed: int,
    max_steps: int | None,
) -> Fit:
    train = dataset.train, dataset.train_labels
    test = dataset.test, dataset.test_labels
    return fit_and_score(model, hyperparameters, train, test, seed, max_steps)
