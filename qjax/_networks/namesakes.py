"""Floor 8. Our networks, as subclasses of their namesakes in Qiskit Machine Learning."""

import sys
from abc import ABCMeta

_THEIRS = "qiskit_machine_learning.neural_networks"


def register_namesake(cls: type, name: str) -> None:
    """Let `isinstance` and `issubclass` take a class for a subclass of Qiskit ML's of that name.

    Qiskit ML's classes are abstract base classes, and know virtual subclasses (`ABCMeta.register`).
    Nothing is imported, and nothing happens before a program has imported Qiskit ML itself.
    """
    package = sys.modules.get(_THEIRS)
    # While the package is being imported, the name may not be there yet.
    theirs = None if package is None else vars(package).get(name)
    if isinstance(theirs, ABCMeta):
        theirs.register(cls)
