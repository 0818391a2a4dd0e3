"""`python examples/benchmark_study`: see the package."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python has put this folder first; the package and the other examples are found in its parent.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from benchmark_study.command import main

    main()
