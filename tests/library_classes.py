"""The classes and functions of the installed Qiskit, by introspection, and the cases of each."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import qiskit
import qiskit.circuit.library as lib
from qiskit import QuantumCircuit, quantum_info
from qiskit.circuit import (
    Operation,
    Parameter,
)
from qiskit.quantum_info import (
    Operator,
)
from qiskit.synthesis import synth_weighted_sum_carry

from tests.circuits import circuit_of, num_angles, standard_gates
from tests.library import ANGLES, CIRCUITS, INSTRUCTIONS, MAYBE, PREPARATIONS
from tests.library_dynamic import DYNAMIC


def quietly(build: Callable[[], object]) -> object:
    """Qiskit deprecates some of what existing programs hold, and SciPy remarks on its sparsity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build()


def holding(what: QuantumCircuit | Operation) -> QuantumCircuit:
    """A circuit that holds the operation, or the circuit itself."""
    return what if isinstance(what, QuantumCircuit) else circuit_of(what)


def templates() -> dict[str, Callable[[], QuantumCircuit]]:
    """The circuits without arguments by which Qiskit's template matching rewrites others."""
    found = {
        name: function
        for name, function in vars(lib).items()
        if name.startswith(("clifford_", "rzx_", "template_"))
    }
    angle = Parameter("angle")
    return {
        name: partial(function, angle) if inspect.signature(function).parameters else function
        for name, function in found.items()
    }


def expected_matrix(circuit: QuantumCircuit) -> np.ndarray:
    """Qiskit's matrix; for its one gate without, that of its synthesis on ancillas that are 0."""
    if [each.name for each in circuit.data] == ["WeightedSum"]:
        synthesis = synth_weighted_sum_carry(circuit.data[0].operation)
        return Operator(synthesis).data[: 2**circuit.num_qubits, : 2**circuit.num_qubits]
    return Operator(circuit).data


def everything() -> dict[str, object]:
    """All that the installed Qiskit has for circuits: classes and functions by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.walk_packages(qiskit.__path__, "qiskit."):
            importlib.import_module(module.name)
    classes = {*_below(Operation), *_below(QuantumCircuit)}
    found = {kind.__name__: kind for kind in classes if _is_of_qiskit(kind)}
    functions = {name: each for name, each in vars(lib).items() if inspect.isfunction(each)}
    objects = {
        name: each
        for name, each in vars(quantum_info).items()
        if inspect.isclass(each) and "to_instruction" in dir(each)
    }
    return found | functions | objects


def _below(kind: type) -> Iterator[type]:
    for each in type.__subclasses__(kind):
        yield each
        yield from _below(each)


def _is_of_qiskit(kind: type) -> bool:
    # A singleton's class is made at run time, behind the class that it is an instance of.
    is_singleton = kind.__name__.startswith("_Singleton")
    return str(kind.__module__).split(".")[0] == "qiskit" and not is_singleton


def cases() -> dict[str, Callable[[], QuantumCircuit | Operation]]:
    """All that is tried, by name and variant."""
    standard = {
        gate.__name__: partial(gate, *ANGLES[: num_angles(name)])
        for name, gate in standard_gates().items()
    }
    return {
        **standard,
        **INSTRUCTIONS,
        **CIRCUITS,
        **PREPARATIONS,
        **templates(),
        **DYNAMIC,
        **MAYBE,
    }
