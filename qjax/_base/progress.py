"""Floor 0. Work that takes a while -> a progress bar, where one is asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    total: int, shown: bool, unit: str, *, scale: bool = False
) -> Iterator[Callable[[int], object]]:
    """What to call with how much was just done.

    Args:
        total: how much there is to do.
        shown: whether a bar is drawn.
        unit: what is counted, in the plural.
        scale: whether large counts are written as thousands and millions.

    Raises:
        ModuleNotFoundError: for a bar without the package that draws it.
    """
    if not shown:
        yield lambda _: None
        return
    try:
        from tqdm import tqdm  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "progress=True needs the package tqdm: pip install 'qjax-bridge[progress]'"
        ) from error
    with tqdm(total=total, unit=f" {unit}", unit_scale=scale) as bar:
        yield bar.update
