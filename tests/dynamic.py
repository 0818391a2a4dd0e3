"""Random dynamic circuits, and their exact outcomes by following every branch with Qiskit."""

import operator
from collections import defaultdict

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import CASE_DEFAULT, Clbit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import Initialize, Measure, PauliProductMeasurement, Reset
from qiskit.quantum_info import Operator, Pauli, Statevector

GATES = ("h", "x", "s", "t", "sx", "ry", "rz", "cx", "cz", "swap", "crx", "ccx")


def random_dynamic_circuit(seed, num_qubits=3, size=12, depth=2, parameters=(), variables=True):
    """Gates, measurements, resets, stores and nested control flow on a few qubits.

    Without `variables`, nothing is stored: what Aer runs too.
    """
    random = np.random.default_rng(seed)
    low, high = ClassicalRegister(2, "low"), ClassicalRegister(2, "high")
    circuit = QuantumCircuit(QuantumRegister(num_qubits, "q"), low, high)
    counter = flag = None
    if variables:
        counter = circuit.add_var("counter", expr.lift(0, types.Uint(3)))
        flag = circuit.add_var("flag", expr.lift(False))
    state = _Random(random, (low, high), counter, flag, tuple(parameters))
    _add(circuit, state, size, depth, in_loop=False)
    return circuit


def repeat_until_success(theta):
    """Ends with probability 1, after any number of turns."""
    circuit = QuantumCircuit(2, 1)
    circuit.ry(theta, 0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.reset(0)
        circuit.ry(theta, 0)
        circuit.rx(0.4, 1)
        circuit.measure(0, 0)
    return circuit


class _Random:
    def __init__(self, random, registers, counter, flag, parameters):
        self.random, self.registers = random, registers
        self.counter, self.flag, self.parameters = counter, flag, parameters

    def angle(self):
        if self.parameters and self.random.random() < 0.7:
            chosen = self.parameters[self.random.integers(len(self.parameters))]
            return chosen * float(self.random.normal())
        return float(self.random.uniform(-3, 3))

    def clbit(self, circuit):
        return circuit.clbits[self.random.integers(len(circuit.clbits))]

    def condition(self, circuit):
        kind = self.random.integers(6 if self.flag else 3)
        register = self.registers[self.random.integers(2)]
        if kind == 0:
            return (self.clbit(circuit), int(self.random.integers(2)))
        if kind == 1:
            return (register, int(self.random.integers(4)))
        if kind == 2:
            return expr.equal(expr.bit_xor(*self.registers), int(self.random.integers(4)))
        if kind == 3:
            return expr.logic_or(self.flag, expr.less(self.counter, int(self.random.integers(8))))
        if kind == 4:
            return expr.logic_not(expr.logic_and(self.flag, self.clbit(circuit)))
        return expr.index(self.counter, expr.cast(register, types.Uint(2)))


def _add(circuit, state, size, depth, in_loop):
    random = state.random
    for _ in range(size):
        kind = random.choice(
            ["gate", "measure", "reset", "store", "if", "switch", "for", "while", "leave"],
            p=[0.5, 0.16, 0.06, 0.06, 0.09, 0.04, 0.04, 0.03, 0.02],
        )
        if kind == "gate":
            _add_gate(circuit, state)
        elif kind == "measure":
            circuit.measure(random.integers(circuit.num_qubits), state.clbit(circuit))
        elif kind == "reset":
            circuit.reset(int(random.integers(circuit.num_qubits)))
        elif kind == "store":
            if state.flag:
                _add_store(circuit, state)
        elif depth > 0 and (state.flag or kind != "while"):
            _add_flow(circuit, state, kind, depth, in_loop)


def _add_gate(circuit, state):
    name = str(state.random.choice(GATES))
    arity = {"cx": 2, "cz": 2, "swap": 2, "crx": 2, "ccx": 3}.get(name, 1)
    if arity > circuit.num_qubits:
        return
    qubits = [int(q) for q in state.random.permutation(circuit.num_qubits)[:arity]]
    angles = [state.angle()] if name in ("ry", "rz", "crx") else []
    getattr(circuit, name)(*angles, *qubits)


def _add_store(circuit, state):
    kind = state.random.integers(4)
    if kind == 0:
        circuit.store(state.flag, expr.bit_xor(state.flag, state.clbit(circuit)))
    elif kind == 1:
        circuit.store(state.counter, expr.add(state.counter, expr.lift(3, types.Uint(3))))
    elif kind == 2:
        wide = expr.cast(state.registers[0], types.Uint(3))
        circuit.store(state.counter, expr.bit_or(state.counter, expr.shift_left(wide, 1)))
    else:
        circuit.store(state.registers[1], expr.bit_not(state.registers[0]))


def _add_flow(circuit, state, kind, depth, in_loop):
    random = state.random
    inner = int(random.integers(1, 4))
    if kind == "if":
        with circuit.if_test(state.condition(circuit)) as otherwise:
            _add(circuit, state, inner, depth - 1, in_loop)
        if random.random() < 0.5:
            with otherwise:
                _add(circuit, state, inner, depth - 1, in_loop)
    elif kind == "switch":
        with circuit.switch(state.registers[random.integers(2)]) as case:
            with case(0, 3):
                _add(circuit, state, inner, depth - 1, in_loop)
            with case(case.DEFAULT):
                _add(circuit, state, inner, depth - 1, in_loop)
    elif kind == "for":
        with circuit.for_loop(range(int(random.integers(1, 3)))) as turn:
            circuit.rx(0.3 + 0.7 * turn, int(random.integers(circuit.num_qubits)))
            _add(circuit, state, inner, depth - 1, True)
    elif kind == "while":
        # It ends: the counter has room for as many turns.
        limit = int(random.integers(1, 3))
        circuit.store(state.counter, expr.lift(0, types.Uint(3)))
        with circuit.while_loop(expr.less(state.counter, limit)):
            circuit.store(state.counter, expr.add(state.counter, expr.lift(1, types.Uint(3))))
            circuit.h(int(random.integers(circuit.num_qubits)))
            circuit.measure(random.integers(circuit.num_qubits), state.clbit(circuit))
    elif in_loop:
        with circuit.if_test((state.clbit(circuit), 1)):
            if random.random() < 0.5:
                circuit.break_loop()
            else:
                circuit.continue_loop()


# ---------------------------------------------------------------- every branch, with Qiskit


def branches(circuit):
    """[(bits, unnormalised statevector)] for every history of outcomes, bits as a tuple."""
    start = Statevector.from_int(0, 2**circuit.num_qubits)
    places = {bit: k for k, bit in enumerate(circuit.qubits)}
    memory = dict.fromkeys(circuit.clbits, False)
    found = _follow(circuit, places, {b: b for b in circuit.clbits}, [(start, memory, None)])
    return [
        (tuple(int(memory[bit]) for bit in circuit.clbits), state) for state, memory, _ in found
    ]


def distribution(circuit):
    """{measured integer: probability}."""
    result = defaultdict(float)
    for bits, state in branches(circuit):
        result[sum(bit << k for k, bit in enumerate(bits))] += np.linalg.norm(state.data) ** 2
    return dict(result)


def mean(circuit, observable):
    """<O> over all branches."""
    return sum(state.expectation_value(observable).real for _, state in branches(circuit))


def _follow(body, qubits, clbits, worlds):
    """Worlds are (state, memory, leaving): what a history of outcomes has led to."""
    for instruction in body.data:
        places = [qubits[bit] for bit in instruction.qubits]
        bits = [clbits[bit] for bit in instruction.clbits]
        worlds = [
            after
            for world in worlds
            for after in (
                [world]
                if world[2]
                else _step(instruction.operation, places, bits, clbits, *world[:2])
            )
        ]
    return worlds


def _step(operation, places, bits, clbits, state, memory):
    if isinstance(operation, Measure):
        return [
            (state.evolve(_projector(value), places), {**memory, bits[0]: bool(value)}, None)
            for value in (0, 1)
            if _probability(state, places[0], value) > 1e-12
        ]
    if isinstance(operation, Reset):
        return [
            (state.evolve(_reset(value), places), memory, None)
            for value in (0, 1)
            if _probability(state, places[0], value) > 1e-12
        ]
    if operation.name == "store":
        return [(state, _stored(operation, clbits, memory), None)]
    if operation.name in ("break_loop", "continue_loop"):
        return [(state, memory, operation.name)]
    if hasattr(operation, "blocks"):
        return _flow(operation, places, bits, clbits, state, memory)
    if isinstance(operation, PauliProductMeasurement):
        pauli = Operator(Pauli((operation._pauli_z, operation._pauli_x, operation._pauli_phase)))
        identity = Operator(np.eye(len(pauli.data)))
        return [
            (after, {**memory, bits[0]: bool(value)}, None)
            for value in (0, 1)
            if np.linalg.norm(
                (after := state.evolve((identity + (-1) ** value * pauli) / 2, places)).data
            )
            > 1e-6
        ]
    if isinstance(operation, Initialize) or (bits and operation.definition is not None):
        inner = operation.definition
        names = dict(zip(inner.clbits, bits, strict=True))
        places = dict(zip(inner.qubits, places, strict=True))
        return _follow(inner, places, names, [(state, memory, None)])
    if operation.name in ("barrier", "delay"):
        return [(state, memory, None)]
    return [(state.evolve(Operator(operation), places), memory, None)]


def _probability(state, place, value):
    return np.linalg.norm(state.evolve(_projector(value), [place]).data) ** 2


def _projector(value):
    return Operator(np.diag([1 - value, value]))


def _reset(value):
    matrix = np.zeros((2, 2))
    matrix[0, value] = 1
    return Operator(matrix)


def _flow(operation, places, bits, clbits, state, memory):
    def run(block, worlds):
        inner = dict(zip(block.clbits, bits, strict=True))
        return _follow(block, dict(zip(block.qubits, places, strict=True)), inner, worlds)

    def value(node):
        return _value(node, clbits, memory)

    here = [(state, memory, None)]
    name = operation.name
    if name == "box":
        return run(operation.blocks[0], here)
    if name == "if_else":
        condition = _lifted(operation.condition)
        if value(condition):
            return run(operation.blocks[0], here)
        return run(operation.blocks[1], here) if len(operation.blocks) > 1 else here
    if name == "switch_case":
        wanted = int(value(expr.lift(operation.target)))
        for values, block in operation.cases_specifier():
            if CASE_DEFAULT in values or wanted in [int(v) for v in values]:
                return run(block, here)
        return here
    if name == "for_loop":
        return _turns(_bodies(*operation.params), run, here)
    return _while(operation, run, clbits, here)


def _bodies(indices, variable, body):
    """The body of each turn, and what the turn stores before it."""
    if isinstance(variable, expr.Var):
        return [(body, {variable: k}) for k in indices]
    is_used = variable in body.parameters
    return [(body.assign_parameters({variable: k}) if is_used else body, {}) for k in indices]


def _turns(bodies, run, worlds):
    done = []
    for body, values in bodies:
        worlds = run(body, [(s, {**m, **values}, leaving) for s, m, leaving in worlds])
        done += [(s, m, None) for s, m, leaving in worlds if leaving == "break_loop"]
        worlds = [(s, m, None) for s, m, leaving in worlds if leaving != "break_loop"]
    return done + worlds


def _while(operation, run, clbits, worlds):
    done = []
    condition = _lifted(operation.condition)
    while worlds:
        stay = [w for w in worlds if _value(condition, clbits, w[1])]
        done += [w for w in worlds if not _value(condition, clbits, w[1])]
        after = run(operation.blocks[0], stay)
        done += [(s, m, None) for s, m, leaving in after if leaving == "break_loop"]
        worlds = [(s, m, None) for s, m, leaving in after if leaving != "break_loop"]
    return done


def _lifted(condition):
    return expr.lift_legacy_condition(condition) if isinstance(condition, tuple) else condition


def _stored(operation, clbits, memory):
    value = _value(operation.rvalue, clbits, memory)
    target = operation.lvalue
    if isinstance(target, expr.Index):
        place = _value(target.index, clbits, memory)
        old = int(_value(target.target, clbits, memory))
        return _assigned(target.target, old & ~(1 << place) | int(value) << place, clbits, memory)
    return _assigned(target, value, clbits, memory)


def _assigned(target, value, clbits, memory):
    if target.standalone:
        return {**memory, target: value}
    bits = [target.var] if isinstance(target.var, Clbit) else list(target.var)
    return {**memory, **{clbits[bit]: bool(int(value) >> k & 1) for k, bit in enumerate(bits)}}


def _value(node, clbits, memory):
    """An expression's value, by the definitions of OpenQASM 3."""
    if isinstance(node, expr.Value):
        return node.value
    if isinstance(node, expr.Var):
        if node.standalone:
            return memory[node]
        if isinstance(node.var, Clbit):
            return memory[clbits[node.var]]
        return sum(int(memory[clbits[bit]]) << k for k, bit in enumerate(node.var))
    if isinstance(node, expr.Index):
        target, place = (_value(each, clbits, memory) for each in (node.target, node.index))
        return bool(target >> place & 1)
    size = 2**node.type.width if isinstance(node.type, types.Uint) else None
    if isinstance(node, expr.Cast):
        inner = _value(node.operand, clbits, memory)
        return int(inner) % size if size else bool(inner)
    if isinstance(node, expr.Unary):
        inner = _value(node.operand, clbits, memory)
        if node.op.name == "BIT_NOT" and size:
            return size - 1 - inner
        return -inner if node.op.name == "NEGATE" else not inner
    left, right = (_value(each, clbits, memory) for each in (node.left, node.right))
    result = _FUNCTIONS[node.op.name](left, right)
    return result % size if size else result


_FUNCTIONS = {
    "BIT_AND": operator.and_, "BIT_OR": operator.or_, "BIT_XOR": operator.xor,
    "LOGIC_AND": operator.and_, "LOGIC_OR": operator.or_, "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne, "LESS": operator.lt, "LESS_EQUAL": operator.le,
    "GREATER": operator.gt, "GREATER_EQUAL": operator.ge, "SHIFT_LEFT": operator.lshift,
    "SHIFT_RIGHT": operator.rshift, "ADD": operator.add, "SUB": operator.sub,
    "MUL": operator.mul, "DIV": operator.floordiv,
}  # fmt: skip


def endless():
    """Coins are tossed until one shows 0."""
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
        circuit.measure(0, 0)
    return circuit


def read_midway():
    """A qubit in superposition whose outcome is in a bit."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    return circuit
