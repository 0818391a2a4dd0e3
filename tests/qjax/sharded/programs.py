"""What compiled programs of sharded states hold: collectives, their bytes, memory, and how many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import qjax
from tests.conftest import Compilations
from tests.qjax.plan.plans import ring
from tests.qjax.sharded.circuits import Comparison, error_of

_BYTES = {"f32": 4, "f64": 8, "c64": 8, "c128": 16, "u8": 1, "s32": 4, "u32": 4, "pred": 1}
_KINDS = "all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter"


@dataclass(frozen=True)
class Collective:
    """Of a compiled program.

    Attributes:
        kind: such as "all-to-all".
        nbytes: of what one device puts in.
        times: how often it runs.
        group: among how many devices.
    """

    kind: str
    nbytes: int
    times: int
    group: int

    @property
    def sent(self) -> float:
        """The bytes of an all-to-all that leave a device, in all."""
        return self.nbytes * self.times * (1 - 1 / self.group)


def collectives_of(text: str) -> list[Collective]:
    """From the text of an optimized program."""
    bodies: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if start := re.match(r"(?:ENTRY )?%?([\w.-]+) .*{$", line):
            name = start[1]
        bodies.setdefault(name, []).append(line)
    (entry,) = re.findall(r"^ENTRY %?([\w.-]+)", text, re.MULTILINE)
    return list(_collectives(bodies, entry, 1))


def _collectives(bodies: dict[str, list[str]], name: str, times: int) -> Iterator[Collective]:
    for line in bodies[name]:
        found = re.search(
            rf"= (.*?) ({_KINDS})(-start)?\(",
            line,
        )
        if found:
            sizes = re.findall(r"([a-z]+\d*)\[([\d,]*)\]", found[1])
            nbytes = sum(_BYTES[t] * prod(int(n) for n in s.split(",") if n) for t, s in sizes)
            yield Collective(found[2], nbytes, times, _group(line))
        own = times
        if count := re.search(r'"known_trip_count":{"n":"(\d+)"}', line):
            own *= int(count[1])
        for called in re.findall(r"(?:body|to_apply|calls)=%?([\w.-]+)", line):
            if called in bodies and (" while(" not in line or count or _is_plain(bodies, called)):
                yield from _collectives(bodies, called, own)


def _is_plain(bodies: dict[str, list[str]], name: str) -> bool:
    """No loop of an unknown number of turns may hold what is counted."""
    held = [c for c in _collectives(bodies, name, 1) if c.kind == "all-to-all"]
    assert not held, f"a loop of unknown length exchanges: {held}"
    return True


def _group(line: str) -> int:
    listed = re.search(r"replica_groups={{([\d,]+)}", line)
    short = re.search(r"replica_groups=\[\d+,(\d+)\]", line)
    return len(listed[1].split(",")) if listed else int(short[1]) if short else 0


# ---------------------------------------------------------------- what is compiled


def simulator_on(count: int, engine: str | None = None) -> qjax.simulators.StateVector:
    mesh = jax.make_mesh((count,), ("state",), devices=jax.devices()[:count])
    return qjax.simulators.StateVector(engine, qjax.StateSharding(mesh, state="state"))


def loss(circuit: qjax.Circuit, simulator: object, params: Array) -> Array:
    return qjax.expectation(circuit, "Z" * circuit.num_qubits, params, simulator=simulator)


def compiled(function: object, circuit: qjax.Circuit) -> jax.stages.Compiled:
    params = jnp.zeros(circuit.num_params, jnp.float32)
    return jax.jit(function).lower(params).compile()


def planned_bytes(circuit: qjax.Circuit, simulator: object) -> float:
    """What each device sends for a value, as `print(plan)` says it."""
    network = qjax.EstimatorQNN(
        circuit=qjax.to_qiskit(circuit),
        observables="Z" * circuit.num_qubits,
        weight_params=qjax.to_qiskit(circuit).parameters,
        simulator=simulator,
    )
    number, unit = re.search(
        r"each device sends ([\d.]+) ([kM]?)B for a value", str(network.plan)
    ).groups()
    return float(number) * {"": 1, "k": 1e3, "M": 1e6}[unit]


def compared() -> Iterator[Comparison]:
    """Bars that are not met are 1, others 0; bytes and memory are how far from what is expected."""
    circuit = qjax.from_qiskit(ring(16, 4))
    for engine, pieces in (("native", 1 << 22), ("native", 1 << 12), ("xla", 1 << 22)):
        size = circuit if engine == "native" else qjax.from_qiskit(ring(12, 3))
        with mock.patch("qjax._base.tuning.EXCHANGED_BYTES", pieces):
            yield from of_gradient(f"{engine}, pieces of {pieces} bytes", size, engine)
            jax.clear_caches()
    yield from of_states()
    yield from of_samples()
    yield from of_memory()
    yield from of_calls()


def of_gradient(name: str, circuit: qjax.Circuit, engine: str) -> Iterator[Comparison]:
    """No all-gather; the plan's bytes, forth, and back for states and cotangents; one sum."""
    simulator = simulator_on(8, engine)
    function = partial(loss, circuit, simulator)
    planned = planned_bytes(circuit, simulator)
    for what, differentiated, passes in (
        ("value", function, 1),
        ("gradient", jax.value_and_grad(function), 3),
    ):
        found = collectives_of(compiled(differentiated, circuit).as_text())
        kinds = [collective.kind for collective in found]
        exchanges = [c for c in found if c.kind == "all-to-all"]
        assert ("4096" in name) == any(c.times > 1 for c in exchanges)
        sent = sum(c.sent for c in exchanges)
        assert planned > 0
        assert set(kinds) <= {"all-to-all", "all-reduce"}, kinds
        yield f"{what}: bytes over those of the plan, {name}", abs(sent / planned / passes - 1)
        yield f"{what}: sums over devices, {name}", float(kinds.count("all-reduce") > 2)


def of_states() -> Iterator[Comparison]:
    """States and probabilities of many qubits stay where they are."""
    circuit, simulator = qjax.from_qiskit(ring(17, 2)), simulator_on(8)
    for function in (qjax.statevector, qjax.probabilities):
        text = compiled(lambda p, f=function: f(circuit, p, simulator=simulator), circuit).as_text()
        kinds = {collective.kind for collective in collectives_of(text)}
        yield (
            f"{function.__name__}: no gather",
            float(not kinds <= {"all-to-all", "collective-permute"}),
        )


def of_samples() -> Iterator[Comparison]:
    """Nothing as large as a part of a state goes to all devices."""
    circuit, simulator, key = qjax.from_qiskit(ring(17, 2)), simulator_on(8), jax.random.key(0)
    program = compiled(lambda p: qjax.sample(circuit, p, 64, key, simulator=simulator), circuit)
    found = collectives_of(program.as_text())
    assert "all-to-all" in {collective.kind for collective in found}
    gathered = [c.nbytes for c in found if c.kind in ("all-gather", "all-reduce")]
    yield "samples: no gather of a state", float(max(gathered) >= 4 * 2**17 / 8)


def of_memory() -> Iterator[Comparison]:
    """What each device needs falls as 1/devices, where states are sent in pieces, as large ones."""
    circuit = qjax.from_qiskit(ring(18, 2))
    sizes = {}
    for count in (1, 2, 4, 8):
        slope = jax.value_and_grad(partial(loss, circuit, simulator_on(count)))
        with mock.patch("qjax._base.tuning.EXCHANGED_BYTES", 1 << 16):
            program = compiled(slope, circuit)
        sizes[count] = program.memory_analysis().temp_size_in_bytes
    assert sizes[1] >= 2 * 8 * 2**18  # a state and its cotangent
    for count, size in sizes.items():
        yield f"memory on {count} devices, over 1/{count}", size * count / sizes[1] - 1


def of_calls() -> Iterator[Comparison]:
    """New parameters compile nothing, and trace nothing, jitted or not."""
    circuit, simulator = qjax.from_qiskit(ring(9, 2)), simulator_on(8)
    function = partial(loss, circuit, simulator)
    points = np.random.default_rng(0).normal(size=(4, circuit.num_params)).astype(np.float32)
    counter = Compilations()
    jax.monitoring.register_event_duration_secs_listener(counter)
    calls = {
        "jitted gradient": jax.jit(jax.value_and_grad(function)),
        "value": function,
        "gradient": jax.grad(function),
        "state": lambda p: qjax.statevector(circuit, p, simulator=simulator),
        "samples": lambda p: qjax.sample(circuit, p, 9, jax.random.key(0), simulator=simulator),
    }
    for name, call in calls.items():
        first = [jax.block_until_ready(call(point)) for point in points[:2]]
        counter.reset()
        again = [jax.block_until_ready(call(point)) for point in (*points[2:], points[0])]
        yield f"{name}: compilations", float(counter.count)
        yield f"{name}: traces", float(counter.traces)
        yield (
            f"{name}: the same again",
            error_of(jax.tree.leaves(again[2])[0], jax.tree.leaves(first[0])[0]),
        )
    jax.monitoring.unregister_event_duration_listener(counter)
