"""Random circuits on two to eight virtual devices beside one: the worst errors of each kind.

python -m tests.benchmarks.sharded_circuits [COUNT [FIRST]]
"""

import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax

from tests.qjax.sharded.circuits import Case, compared


def main(count: int = 50, first: int = 0) -> None:
    jax.config.update("jax_disable_most_optimizations", True)
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for case in map(Case, range(first, first + count)):
        start, errors = time.process_time(), dict(compared(case, thorough=True))
        seconds = time.process_time() - start
        shown = ", ".join(f"{kind} {error:.1e}" for kind, error in errors.items())
        sys.stdout.write(f"{case.name}: {shown} ({seconds:.0f} s of CPU)\n")
        sys.stdout.flush()
        precision = "double" if case.x64 else "single"
        for kind, error in errors.items():
            key = precision, kind
            worst[key] = max(worst.get(key, (-1.0, "")), (error, case.name))
        jax.clear_caches()
    for (precision, kind), (error, name) in sorted(worst.items()):
        sys.stdout.write(f"worst, {precision}, {kind}: {error:.1e} ({name})\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
