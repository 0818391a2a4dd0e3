"""Floor 8. Our classes as virtual subclasses of their namesakes in Qiskit Machine Learning.

Qiskit ML's classes are abstract base classes, and take other classes as subclasses
(`ABCMeta.register`). Neither package needs the other to be imported, in whichever order they are:
what is imported already is registered with at once, and otherwise when it is. Nothing happens when
`qjax` is imported: before any object is made, no class of ours is a subclass of theirs.
"""

import sys
from abc import ABCMeta
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_THEIRS = "qiskit_machine_learning"


def register_namesakes(base: type, package: str) -> None:
    """Let `isinstance` and `issubclass` take our classes for subclasses of Qiskit ML's.

    All of ours at once, so that what they say does not depend on which of them was made before.
    Where Qiskit ML is not imported yet, that happens at the end of its import: until then a finder
    stands first in `sys.meta_path`, which lets every other import pass.

    Args:
        base: a class of ours; it and those below it name theirs in `_namesake`.
        package: which of Qiskit ML's packages has those: "neural_networks" or "kernels".
    """
    ours, theirs = set(_namesakes(base)), f"{_THEIRS}.{package}"
    if (module := sys.modules.get(theirs)) is not None:
        _register(module, ours)
        return
    finders = [finder for finder in sys.meta_path if isinstance(finder, _ImportWatcher)]
    watcher = next((finder for finder in finders if finder.awaited == theirs), None)
    if watcher is None:
        watcher = _ImportWatcher(theirs)
        sys.meta_path[:0] = [watcher]
    watcher.namesakes |= ours


def _namesakes(base: type) -> Iterator[tuple[type, str]]:
    """A class and those below it that say which of Qiskit ML's they are like, and its name."""
    if (name := vars(base).get("_namesake")) is not None:
        yield base, name
    subclasses: list[type] = base.__subclasses__()
    for subclass in subclasses:
        yield from _namesakes(subclass)


def _register(package: ModuleType, namesakes: set[tuple[type, str]]) -> None:
    for cls, name in namesakes:
        # While the package is being imported, the name may not be there yet.
        theirs = vars(package).get(name)
        if isinstance(theirs, ABCMeta):
            theirs.register(cls)


class _ImportWatcher(MetaPathFinder):
    """Waits for a package of Qiskit ML to be imported; finds nothing else."""

    def __init__(self, awaited: str) -> None:
        self.awaited = awaited
        self.namesakes: set[tuple[type, str]] = set()

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.awaited:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader, self.namesakes)
        return spec


class _RegisteringLoader(Loader):
    """Loads a module as its own loader does, and registers our classes with it."""

    def __init__(self, loader: Loader, namesakes: set[tuple[type, str]]) -> None:
        self._loader, self._namesakes = loader, namesakes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _register(module, self._namesakes)
