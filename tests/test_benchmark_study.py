"""The published study: its data sets, the losses of its programs, and its accuracies.

Numbers of the published programs (https://github.com/XanaduAI/qml-benchmarks, Apache-2.0) were
computed with them, on PennyLane 0.45, or are stored there.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest

from qjax.training import minimize

ROOT = Path(__file__).parent.parent
STUDY = ROOT / "examples" / "benchmark_study"
MODULES = ("charts", "command", "datasets", "fitting", "images", "models", "published", "report")
MODULES += ("search", "streams", "study")
PNG = b"\x89PNG\r\n\x1a\n"

# The first training row at ten features, its label, and sums over the training and the test set.
STORED = {
    "linearly_separable": (
        [-0.168156, 0.357248, 0.097899, -0.448527, 0.292659]
        + [-0.591506, 0.387977, -0.993778, 0.097545, -0.197865, 1.0],
        (-33.034607, 302.347294, 128),
    ),
    "hidden_manifold": (
        [0.534952, 0.751991, 0.903424, 0.828742, 0.921847]
        + [0.625596, 0.872024, 0.973093, 0.966798, -0.863740, 1.0],
        (193.936341, 351.812266, 125),
    ),
    "two_curves": (
        [1.277193, 1.528206, 1.114642, 1.539044, 1.022877]
        + [1.326371, 1.123637, 1.151937, 0.710902, 0.300784, -1.0],
        (19.071993, 461.431591, 121),
    ),
}

# Losses of three steps of Adam (rate 0.1, batches of 8, seed 0) on the points of `toy`.
LOSSES = {
    ("DataReuploading", (("layers", 1), ("observed", "full"), ("one_rotation", False))): (
        [0.28614773644992486, 0.8625639744739281, 0.4897525769462387]
    ),
    ("DressedCircuit", (("layers", 1),)): (
        [0.6983871599298407, 0.6655470234911118, 0.7231559286874086]
    ),
    ("CircuitCentric", (("layers", 1), ("copies", 1))): (
        [0.5014297441230138, 0.5490791163327888, 0.3962311444551251]
    ),
    ("IQPVariational", (("layers", 1), ("repeats", 1))): (
        [0.528669324658245, 0.5159598057132928, 0.4999431207744489]
    ),
    ("SeparableVariational", (("layers", 1),)): (
        [1.286477318976581, 0.8955310266816177, 0.9525855941086812]
    ),
    ("QuantumMetricLearner", (("layers", 1),)): (
        [0.03437763383791137, 0.04256625691189664, 0.050777531967070466]
    ),
    ("TreeTensor", ()): [1.0100862327946603, 1.0813014450688367, 1.294668624087093],
}
TOY_LABELS = "++--+----+--+++-+++++-+--+-++-++-++-+-+-"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of the study, by name."""
    monkeypatch.syspath_prepend(STUDY.parent)
    modules = {name: importlib.import_module(f"benchmark_study.{name}") for name in MODULES}
    with jax.numpy_dtype_promotion("standard"):  # optax has no strict types
        yield SimpleNamespace(**modules)


def sets_of(dataset: object) -> tuple[tuple, tuple]:
    train = dataset.train, dataset.train_labels
    return train, (dataset.test, dataset.test_labels)


@pytest.mark.parametrize("name", STORED)
def test_data_are_the_published_ones(study: SimpleNamespace, name: str) -> None:
    row, sums = STORED[name]
    dataset = study.datasets.generate(name)
    first = [*dataset.train[0], dataset.train_labels[0]]
    np.testing.assert_allclose(first, row, atol=1e-6)
    own = dataset.train.sum(), np.abs(dataset.test).sum(), np.sum(dataset.train_labels > 0)
    np.testing.assert_allclose(own, sums, atol=1e-6)
    assert (dataset.train.shape, dataset.test.shape) == ((240, 10), (60, 10))


def test_unknown_data(study: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match=r"name: expected one of linearly_separable, .* 'three'"):
        study.datasets.generate("three")
    with pytest.raises(ValueError, match="features: expected at least 2, got 1"):
        study.datasets.generate("two_curves", 1)


@pytest.mark.parametrize(("name", "fields"), LOSSES)
def test_losses_are_those_of_the_published_programs(
    study: SimpleNamespace, name: str, fields: tuple
) -> None:
    """From the same seed: weights, batches and losses."""
    x = np.random.default_rng(5).normal(size=(40, 4))
    labels = np.array([1.0 if sign == "+" else -1.0 for sign in TOY_LABELS])
    model = study.models.GRADIENT_MODELS[name](4, **dict(fields))
    with jax.enable_x64(True):
        rows = model.rows(model.scaler.fit_transform(x), labels)
        stream = study.streams.Stream(0, model.key_bound)
        with study.streams.as_published():
            weights = model.init(stream.keys(0, model.num_keys))
        positions = stream.positions(model.num_keys, 3, 8, len(rows[0]))
        trained = minimize(
            model.loss,
            weights,
            optax.adam,
            rows,
            steps=3,
            sampling=positions,
            settings={"learning_rate": 0.1},
        )
    np.testing.assert_allclose(trained.losses, LOSSES[name, fields], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "dataset", "seed"),
    [
        ("DataReuploading", "hidden_manifold", 0),
        ("CircuitCentric", "two_curves", 1),
        ("TreeTensor", "linearly_separable", 2),
        ("SeparableVariational", "hidden_manifold", 3),
        ("IQPKernel", "linearly_separable", 0),
        ("ProjectedKernel", "linearly_separable", 4),
        ("SeparableKernel", "hidden_manifold", 0),
        ("MLP", "linearly_separable", 1),
        ("SVC", "hidden_manifold", 0),
    ],
)
def test_accuracies_are_the_published_ones(
    study: SimpleNamespace, name: str, dataset: str, seed: int
) -> None:
    """Trained to the end: every point on the same side as in the study."""
    paper = study.published.published(dataset, name)
    train, test = sets_of(study.datasets.generate(dataset))
    fit = study.fitting.fit_and_score(name, paper.best, train, test, seed)
    assert fit.converged
    np.testing.assert_allclose(
        [fit.train, fit.test], [paper.train[seed], paper.test[seed]], atol=1e-6
    )


def test_pairs_of_the_published_iqp_kernel(study: SimpleNamespace) -> None:
    """Its accuracy on folds at five repetitions is published; with pairs in each it is another."""
    dataset = study.datasets.generate("linearly_separable")

    def accuracy(**fields: object) -> float:
        point = {"C": 1.0, "repeats": 5, **fields}
        return study.search.cross_validated("IQPKernel", point, dataset).accuracy

    assert accuracy() == pytest.approx(0.6125)
    assert accuracy(pairs_once=False) != pytest.approx(0.6125, abs=0.01)


@pytest.mark.parametrize("dataset", ["hidden_manifold", "two_curves"])
def test_search_finds_the_published_point(study: SimpleNamespace, dataset: str) -> None:
    paper = study.published.published(dataset, "SVC")
    points = study.search.search("SVC", study.datasets.generate(dataset))
    best = study.search.best_of(points)
    assert len(points) == 16
    assert best.hyperparameters == paper.best
    assert best.accuracy == pytest.approx(paper.cross_validated, abs=1e-6)


def test_what_does_not_converge_loses(study: SimpleNamespace) -> None:
    dataset = study.datasets.generate("two_curves", 3)
    points = study.search.search("TreeTensor", dataset, max_steps=2)
    assert np.isnan([point.accuracy for point in points]).all()
    assert study.search.best_of(points) is points[0]


def test_table_and_ranks(study: SimpleNamespace) -> None:
    fit = study.fitting.Fit(1.0, 0.9, 7, True, 0.5, 0.25)
    published = study.published.Published({}, 0.9, (0.9, 0.8), (1.0, 1.0))
    names = [("a", "x", 0.9), ("b", "x", 0.9), ("c", "x", 0.8), ("c-", "y", 1.0)]
    row = study.study.Row
    rows = [
        row("x", model, {}, (fit, study.fitting.Fit(1.0, test, 7, False, 0.5, 0.25)), 60, published)
        for model, _, test in names[:3]
    ]
    text = study.report.table(rows)
    assert "| 0.9000 ± 0.0000 | 0.8500 ± 0.0707 | 1.0000 ± 0.0000 |" in text
    assert "1 of 2" in text
    assert "2 of 2" in text
    assert "7 (not converged)" in text
    models, ranks = study.charts.ranks_of(rows)
    assert models == ["a", "b", "c"]
    assert ranks.tolist() == [[1], [1], [3]]
    assert study.report.deviation(rows[0]) == pytest.approx(0.05 / (2 * 0.0707107), rel=1e-4)


def test_bundled_images(study: SimpleNamespace) -> None:
    dataset = study.images.bundled()
    assert (len(dataset.train), len(dataset.test)) == (292, 73)
    np.testing.assert_allclose(dataset.train.mean(axis=0), 0, atol=1e-9)
    covariance = np.cov(dataset.train.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-9)
    assert study.images.fewer(dataset) is dataset


def test_images_of_mnist(study: SimpleNamespace) -> None:
    named = os.environ.get("QJAX_MNIST_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "mnist"
    if not named and not any(folder.glob("t10k-images*")):
        pytest.skip("needs MNIST's t10k files: set QJAX_MNIST_DIR to their folder")
    dataset = study.images.mnist(folder)
    assert dataset.train.shape[1] == 10
    assert len(dataset.train) + len(dataset.test) in {1902, 11552 + 1902}
    few = study.images.fewer(dataset)
    assert (few.name, len(few.train), len(few.test)) == (f"{dataset.name}-", 250, 250)
    train, test = sets_of(few)
    fit = study.fitting.fit_and_score("SVC", {"C": 10.0, "gamma": 0.001}, train, test, 0)
    assert fit.test > 0.9  # the paper has 0.944


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, where a warning is an error."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-W", "error", STUDY, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_command(tmp_path: Path) -> None:
    models = ("TreeTensor", "SeparableKernel", "SVC")
    options = ("--datasets", "two_curves", "images", "--seeds", 2, "--steps", 3)
    result = run(*options, "--models", *models, "--output", tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "SVC" in result.stdout
    assert "1.0000 ± 0.0000 | 1.0000 ± 0.0000" in result.stdout
    for figure in ("accuracies", "ranks"):
        assert (tmp_path / f"benchmark_study_{figure}.png").read_bytes().startswith(PNG)
    table = (tmp_path / "benchmark_study.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * 2 * len(models)
    assert "| digits" in (tmp_path / "benchmark_study.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "--seeds: expected at least 1, got 0"),
        (["--steps", "0"], "--steps: expected at least 1, got 0"),
        (["--models", "MLPs"], "invalid choice: 'MLPs'"),
        (["--mnist-dir", "nowhere"], "nowhere lacks MNIST's t10k-images"),
    ],
)
def test_unusable_options(
    study: SimpleNamespace, capsys: pytest.CaptureFixture, options: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        study.command.main(options)
    assert message in f"{end.value} {capsys.readouterr().err}"
