"""Floor 3. What a `qjax.Circuit` is made of: circuits in Python, without Qiskit's objects.

    from qjax.operations import Measure, gate, parameter

    ops = (
        gate("h", 0),
        gate("ry", 1, 2 * parameter(0) + 0.5),
        gate("x", 1, controls=[0]),
        Measure(1, 0),
    )
    circuit = qjax.Circuit(num_qubits=2, ops=ops, parameters=("theta",), num_clbits=1)

Every public function takes such a circuit as it takes Qiskit's, and `qjax.to_qiskit` makes one of
Qiskit's. All of these are immutable values, equal by value; the circuit checks what they hold.

- Gates: `gate` makes one of the library, `matrix_gate` one of a matrix; both make a `Gate`, with
  its `Control`s and its `Matrix`. `Amplitudes` is a state to start from.
- Angles and amplitudes: an `Expression` is a function of the circuit's parameters: `parameter`,
  `constant`, their sums, differences, products, quotients and powers, and `compose` for functions
  such as the sine.
- Classical bits: `Measure` writes one; a `Register` names some; a `Declaration` names a variable.
- Control flow: `Reset`, `Store`, `Switch` with `Case`s (an `if` is one of two cases), `For`,
  `While`, `Break`, `Continue`. Blocks are tuples of operations.
- Classical values for these: `Bits`, `Variable`, `Literal` and `ClassicalOperation`, each of a
  `ClassicalType` such as `BOOL` and `FLOAT`.
"""

from qjax._circuit.classical import (
    BOOL,
    FLOAT,
    Bits,
    ClassicalOperation,
    ClassicalType,
    Literal,
    Variable,
)
from qjax._circuit.control_flow import Break, Case, Continue, For, Reset, Store, Switch, While
from qjax._circuit.operations import (
    Amplitudes,
    Control,
    Declaration,
    Gate,
    Matrix,
    Measure,
    Register,
    gate,
    matrix_gate,
)
from qjax._expressions import Expression, compose, constant, parameter

__all__ = [
    "BOOL",
    "FLOAT",
    "Amplitudes",
    "Bits",
    "Break",
    "Case",
    "ClassicalOperation",
    "ClassicalType",
    "Continue",
    "Control",
    "Declaration",
    "Expression",
    "For",
    "Gate",
    "Literal",
    "Matrix",
    "Measure",
    "Register",
    "Reset",
    "Store",
    "Switch",
    "Variable",
    "While",
    "compose",
    "constant",
    "gate",
    "matrix_gate",
    "parameter",
]
