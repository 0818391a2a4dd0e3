"""Models of a published study beside its own programs, on PennyLane: seconds of a fit.

Run from the repository's root, with a checkout of https://github.com/XanaduAI/qml-benchmarks:
python -m tests.benchmarks.bench_study CHECKOUT

Both get the same points, hyperparameters, seed and number of steps, in double precision, in one
process and in turns. The published programs run vectorised over the batch, as they can, and
compiled. A second fit has another seed: ours runs the program that is there, theirs compiles its
own anew, as in every fit. CPU seconds stand behind the slash: on a busy machine they say more.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import types
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
BATCH = 32

# Our name, their module and class, and what else their class is told.
THEIRS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "DataReuploading": ("data_reuploading", "DataReuploadingClassifier", {"max_vmap": BATCH}),
    "DressedCircuit": (
        "dressed_quantum_circuit",
        "DressedQuantumCircuitClassifier",
        {"max_vmap": BATCH},
    ),
    "CircuitCentric": ("circuit_centric", "CircuitCentricClassifier", {"max_vmap": BATCH}),
    "IQPVariational": ("iqp_variational", "IQPVariationalClassifier", {"max_vmap": BATCH}),
    "QuantumMetricLearner": (
        "quantum_metric_learning",
        "QuantumMetricLearner",
        {"max_vmap": BATCH // 2, "batch_size": BATCH // 2},
    ),
    "TreeTensor": ("tree_tensor", "TreeTensorClassifier", {"max_vmap": BATCH}),
    "SeparableVariational": ("separable", "SeparableVariationalClassifier", {"max_vmap": BATCH}),
    "IQPKernel": ("iqp_kernel", "IQPKernelClassifier", {"max_vmap": 250, "jit": True}),
    "ProjectedKernel": ("projected_quantum_kernel", "ProjectedQuantumKernel", {"max_vmap": 240}),
    "SeparableKernel": ("separable", "SeparableKernelClassifier", {}),
}
RENAMED = {
    "layers": "n_layers",
    "observed": "observable_type",
    "copies": "n_input_copies",
    "time": "t",
}
# What the published programs do today, where ours do what the published results show.
TODAY = {
    "DataReuploading": {"one_rotation": False},
    "IQPVariational": {"pairs_once": False},
    "IQPKernel": {"pairs_once": False},
}

Timed = tuple[float, float]


def main() -> None:
    options = _parse()
    sys.path.insert(0, str(EXAMPLES))
    study = {
        name: importlib.import_module(f"benchmark_study.{name}")
        for name in ("datasets", "fitting", "published")
    }
    dataset = study["datasets"].generate(options.dataset)
    points, labels = dataset.train, dataset.train_labels
    head = f"{'model':22}{'theirs':>16}{'again':>16}{'ours':>16}{'again':>16}"
    say(f"{options.dataset}, {len(points)} points, {options.steps} steps; s / CPU s of a fit")
    say(f"{head}  ratio, again (CPU)")
    for name in options.models:
        best = study["published"].published(options.dataset, name).best
        theirs = original(options.checkout, name, best, options.steps)
        own = {**best, **TODAY.get(name, {})}

        def ours(seed: int, name: str = name, own: dict = own) -> None:
            study["fitting"].fit(name, own, points, labels, seed, options.steps)

        def published(seed: int, name: str = name, theirs: Callable = theirs) -> None:
            # The loss of the tree has a row for each label only where they are a column.
            theirs(seed).fit(points, labels[:, None] if name == "TreeTensor" else labels)

        times = [timed(fit, seed) for seed in (0, 1) for fit in (published, ours)]
        say(row(name, times))


def say(line: str) -> None:
    """A line of the table, at once: models take minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def timed(fit: Callable[[int], object], seed: int) -> Timed:
    """Seconds and CPU seconds of a fit."""
    start, cpu = time.perf_counter(), time.process_time()
    with redirect_stdout(StringIO()):
        fit(seed)
    return time.perf_counter() - start, time.process_time() - cpu


def row(name: str, times: list[Timed]) -> str:
    """A line of the table; times of theirs, ours, theirs again, ours again."""
    theirs, ours, theirs_again, ours_again = times
    cells = [
        f"{wall:.2f} / {cpu:.2f}".rjust(16)
        for wall, cpu in (theirs, theirs_again, ours, ours_again)
    ]
    ratios = [
        f"{theirs[0] / ours[0]:.1f}, {theirs_again[0] / ours_again[0]:.1f}",
        f"({theirs[1] / ours[1]:.1f}, {theirs_again[1] / ours_again[1]:.1f})",
    ]
    return f"{name:22}{''.join(cells)}  {' '.join(ratios)}"


def original(
    checkout: Path, name: str, hyperparameters: dict[str, Any], steps: int
) -> Callable[[int], Any]:
    """Seed -> the published program's classifier, which trains so many steps and no longer."""
    module, class_name, settings = THEIRS[name]
    renamed = dict(RENAMED)
    if module == "separable":
        renamed["layers"] = "encoding_layers"
    told = {renamed.get(key, key): value for key, value in hyperparameters.items()}
    if "learning_rate" in told:
        told |= {"max_steps": steps, "convergence_interval": None}
    classifier = getattr(_module(checkout, module), class_name)
    return lambda seed: classifier(**told, **settings, random_state=seed)


def _module(checkout: Path, name: str) -> types.ModuleType:
    """A module of the published programs, without their package: that needs other libraries."""
    import pennylane as qml  # noqa: PLC0415 - a peer, not among the tests' libraries

    if not hasattr(qml, "broadcast"):  # gone from PennyLane since
        qml.broadcast = _broadcast
    source = checkout / "src" / "qml_benchmarks"
    for package, folder in (
        ("qml_benchmarks", source),
        ("qml_benchmarks.models", source / "models"),
    ):
        if package not in sys.modules:
            module = types.ModuleType(package)
            module.__path__ = [str(folder)]
            sys.modules[package] = module
    loaded = importlib.import_module(f"qml_benchmarks.models.{name}")
    sys.modules["qml_benchmarks.model_utils"].tqdm = _NoBar
    return loaded


def _broadcast(gate: Callable[..., Any], wires: Any, pattern: Any) -> None:
    """A gate on each of many pairs of neighbours, as PennyLane had it."""
    wires = list(wires)
    match pattern:
        case "double" | "double_odd":
            starts = range(pattern == "double_odd", len(wires) - 1, 2)
            pairs = [wires[start : start + 2] for start in starts]
        case "ring" if len(wires) > 2:
            pairs = [[wire, wires[(n + 1) % len(wires)]] for n, wire in enumerate(wires)]
        case "ring":
            pairs = [wires] if len(wires) == 2 else []
        case _:
            pairs = pattern
    for pair in pairs:
        gate(wires=list(pair))


class _NoBar:
    """In the place of a progress bar, which would be timed."""

    def __init__(self, **options: object) -> None:
        del options

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *error: object) -> None:
        del error

    def update(self, steps: int) -> None:
        del steps


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="of the published programs")
    parser.add_argument("--dataset", default="linearly_separable")
    parser.add_argument("--models", nargs="+", choices=list(THEIRS), default=list(THEIRS))
    parser.add_argument("--steps", type=int, default=400, help="every fit of the study takes more")
    return parser.parse_args()


if __name__ == "__main__":
    main()
