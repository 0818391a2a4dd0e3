"""Floor 0. Python's search for cycles of garbage -> put off while something large is built.

What is built of tens of thousands of objects, none of them garbage, makes the collector look at
all objects of the process again and again: for a circuit of 24,000 gates a third of the time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Gates. What is smaller is built before the collector looks at everything.
_FEW = 1000


@contextmanager
def collection_put_off(num_gates: int) -> Iterator[None]:
    """Collect no cycles within, where there are many gates; as before thereafter.

    The collector is one of the whole process: cycles of other threads wait for these moments too.
    """
    if num_gates <= _FEW or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
