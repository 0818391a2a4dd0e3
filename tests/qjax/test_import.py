"""What `import qjax` costs and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "matplotlib", "qiskit_aer", "qiskit_machine_learning", "sklearn", "bridge")


def run(code: str) -> str:
    """What a fresh interpreter prints, with warnings as errors."""
    command = [sys.executable, "-W", "error::DeprecationWarning:qjax", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_import_has_no_side_effects() -> None:
    """No torch, no change of JAX's settings, no device touched."""
    code = f"""
import sys
import jax
before = dict(jax.config.values)
import qjax
print([name for name in {HEAVY} if name in sys.modules])
print({{name for name, value in jax.config.values.items() if before[name] != value}} or "same")
print(jax.numpy.zeros(1).dtype)
"""
    assert run(code).splitlines() == ["[]", "same", "float32"]


def test_use_changes_no_global_setting() -> None:
    code = """
import jax
import numpy as np
import qjax
from qiskit import QuantumCircuit
before = dict(jax.config.values)
circuit = QuantumCircuit(1)
circuit.rx(0.3, 0)
with jax.enable_x64(True):
    print(qjax.statevector(circuit).dtype)
print(qjax.statevector(circuit).dtype)
print({name for name, value in jax.config.values.items() if before[name] != value} or "same")
"""
    assert run(code).splitlines() == ["complex128", "complex64", "same"]


NAMES = [
    "Circuit",
    "UnsupportedInstructionError",
    "apply_gate",
    "expectation",
    "from_qasm",
    "from_qiskit",
    "probabilities",
    "sample",
    "statevector",
    "to_qiskit",
    "unitary",
]


def test_public_names_are_there_and_documented() -> None:
    code = f"import qjax; print([n for n in {NAMES} if not getattr(qjax, n).__doc__])"
    assert run(code) == "[]"


def test_error_is_a_value_error() -> None:
    code = "import qjax; print(issubclass(qjax.UnsupportedInstructionError, ValueError))"
    assert run(code) == "True"
