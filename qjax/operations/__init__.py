"""Floor 3. What a `qjax.Circuit` is made of: circuits in Python, without Qiskit's objects.

    from qjax.operations import Measure, gate, parameter

    ops = (
        gate("h", 0),
        gate("ry", 1, 2 * parameter(0) + 0.5),
        gate("x", 1, controls=[0]),
        Measure(1, 0),
    )
    circuit = qjax.Circuit(num_qubits=2, ops=ops, parameters=("theta",), num_clbits=1)

Every public function, network and primitive takes such a circuit as it takes Qiskit's, and
`qjax.to_qiskit` makes one of Qiskit's. All of these are immutable values, equal by value; the
circuit checks what they hold.

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

Two loops with a variable, which counts how often a qubit was found in 1:

    kind = ClassicalType("uint", 8)
    count, one = Variable(0, kind), Literal(1, kind)  # 0: its place in the circuit's `variables`
    is_one = Bits((0,), BOOL)
    add = Store(count, ClassicalOperation("add", (count, one), kind))
    toss = (gate("h", 0), Measure(0, 0), Switch(is_one, (Case((1,), (add,)),)))
    few = ClassicalOperation("less", (count, Literal(3, kind)), BOOL)
    ops = (Store(count, Literal(0, kind)), For((toss,) * 4), While(few, toss))
    circuit = qjax.Circuit(
        num_qubits=1, ops=ops, num_clbits=1, variables=(Declaration("count", kind),)
    )

`For` holds a block for each iteration, which may differ: `For(tuple((gate("ry", 0, 0.1 * k),) for k
in range(3)))`. `ClassicalOperation` lists the operations and their types.
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
