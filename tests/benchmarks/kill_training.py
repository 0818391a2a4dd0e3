"""Trainings that are killed at random moments: python -m tests.benchmarks.kill_training.

Each example is run once undisturbed, and once more where SIGKILL ends it again and again, with all
the processes that it has started; then it has to give the same losses, to the last digit, and must
never have lost more steps than there are between two checkpoints.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
EXAMPLES = ("long_training", "data_parallel")
STEPS, EVERY = 120, 4


@dataclass(frozen=True)
class Run:
    """What a run of an example said until it ended, or was ended.

    Attributes:
        resumed: the step that it went on from.
        last: the last step that it told of.
        code: how it ended.
        said: all of it.
    """

    resumed: int
    last: int
    code: int
    said: str


def run(
    example: str,
    folder: Path,
    kill_at: int | None = None,
    pause: float = 0.0,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Run an example; kill it some time after it told of so many steps, where that is said."""
    script = ROOT / "examples" / f"{example}.py"
    given = ("--output", folder, "--folder", folder / "states", "--steps", STEPS, "--every", EVERY)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, script, *map(str, given)],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    resumed, last, said = 0, 0, []
    with process:
        if kill_at == 0:
            _kill(process, pause)
        for line in process.stdout:
            said.append(line)
            words = line.split()
            if line.startswith("resumed at step"):
                resumed = last = int(words[3])
            elif line.startswith("step "):
                last = int(words[1].rstrip(":"))
                if kill_at is not None and last == max(kill_at, resumed + 1):
                    _kill(process, pause)
    return Run(resumed, last, process.returncode, "".join(said))


def _kill(process: subprocess.Popen, pause: float) -> None:
    """All at once, as where a machine fails: torchrun's ranks outlive it."""
    time.sleep(pause)
    for number in [process.pid, *_descendants(process.pid)]:
        with suppress(ProcessLookupError):  # it has ended
            os.kill(number, signal.SIGKILL)


def _descendants(number: int) -> list[int]:
    """The processes that a process has started, and theirs, as Linux tells."""
    children = []
    for task in Path(f"/proc/{number}/task").glob("*/children"):
        with suppress(OSError):
            children += [int(word) for word in task.read_text().split()]
    return [*children, *(below for child in children for below in _descendants(child))]


def survives(example: str, kills: int, draw: random.Random) -> bool:
    """Whether an example gives the losses of a run that nobody killed."""
    with tempfile.TemporaryDirectory() as place:
        whole, killed = Path(place, "whole"), Path(place, "killed")
        alone = run(example, whole)
        assert alone.code == 0, alone.said
        reached, holds = 0, True
        for number in range(kills):
            # One in five before the first step; a save takes some hundredth of a second.
            steps = 0 if draw.random() < 0.2 else reached + draw.randint(1, STEPS // (2 * kills))
            pause = draw.uniform(0, 4) if steps == 0 else draw.uniform(0, 0.05)
            now = run(example, killed, min(steps, STEPS - 1), pause)
            lost = reached - now.resumed if now.last else 0
            holds &= lost <= EVERY and now.code != 0
            _tell(
                f"{example}, kill {number + 1}: after {now.last} steps, "
                f"resumed at {now.resumed}, lost {lost}"
            )
            reached = max(reached, now.last)
        end = run(example, killed)
        assert end.code == 0, end.said
        holds &= reached - end.resumed <= EVERY
        losses = [(folder / f"{example}_losses.txt").read_text() for folder in (whole, killed)]
        same = losses[0] == losses[1]
        _tell(f"{example}: resumed at {end.resumed}; same {STEPS} losses: {same}")
        return holds and same


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", default=EXAMPLES, metavar="EXAMPLE")
    parser.add_argument("--kills", type=int, default=10, help="of each")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    return 0 if all(survives(name, options.kills, draw) for name in options.examples) else 1


if __name__ == "__main__":
    sys.exit(main())
