"""Floor 3. What `print(plan)` says: what was fused, how many passes, what they cost, and why."""

from collections.abc import Sequence
from itertools import groupby

from qjax._base.arrays import counted
from qjax._plan.builder import Builder, MadeSegment
from qjax._plan.pass_tables import MadePass
from qjax._plan.schedule import Schedule, is_real_block


def summarise(
    builder: Builder,
    schedules: Sequence[Schedule],
    num_qubits: int,
    num_gates: int,
    num_start: int,
    num_given: int,
) -> str:
    """The text of a plan.

    Args:
        builder: with all segments made.
        schedules: of the runs, in order.
        num_qubits: n.
        num_gates: of the circuit.
        num_start: how many of them make the product state to start from.
        num_given: how many qubits start from amplitudes that are given.
    """
    flops, moved = work_of(builder.made_segments, num_qubits)
    passes = "pass" if builder.num_passes == 1 else "passes"
    lines = [
        f"{counted(num_qubits, 'qubit')}, {counted(num_gates, 'gate')}: {builder.num_passes} "
        f"{passes} over the state, {with_unit(flops)}flop and {with_unit(moved)}B (float32) per "
        "sample"
    ]
    factors = [f"{counted(num_start, 'gate')} on single qubits"] if num_start else []
    factors += [f"amplitudes of {counted(num_given, 'qubit')}"] if num_given else []
    if factors:
        lines.append(f"  start: product state of {' and '.join(factors)}")
    for segment in builder.made_segments:
        lines.append(f"  {_times(segment)}")
        lines += [f"    {line}" for line in _collapsed(segment.passes, num_qubits)]
    last = builder.last
    if last.move is not None or last.terms:
        lines.append(f"  end, where the readout needs it: {_describe(last, num_qubits)}")
    lines += [f"  why: {reason}" for reason in dict.fromkeys(map(_why, schedules))]
    return "\n".join(lines)


def _times(segment: MadeSegment) -> str:
    if segment.period > 1:
        repeated = f"{segment.length} x " if segment.length > 1 else ""
        return f"{repeated}one scan over {segment.period} passes:"
    if segment.length > 1:
        return f"{segment.length} x, as one scan (a layer that the circuit repeats):"
    return "one after the other:"


def _collapsed(passes: Sequence[MadePass], num_qubits: int) -> list[str]:
    """Lines that come several times in a row once."""
    lines = []
    for line, same in groupby(_describe(made_pass, num_qubits) for made_pass in passes):
        count = len(list(same))
        lines.append(line if count == 1 else f"{line}, {count} times")
    return lines


def _describe(made_pass: MadePass, num_qubits: int) -> str:
    parts = []
    if made_pass.move is not None:
        parts.append("rearrange")
    if made_pass.terms:
        parities = len({term.mask for term in made_pass.terms})
        batched = any(term.batched for term in made_pass.terms)
        noun = "parity" if parities == 1 else "parities"
        parts.append(f"phases of {parities} {noun}" + (" (per sample)" if batched else ""))
    if made_pass.block is not None:
        acted_on = sorted(made_pass.block.qubits)
        listed = ", ".join(map(str, acted_on))
        which = f"qubit{'' if len(acted_on) == 1 else 's'} {listed}"
        if len(acted_on) == num_qubits:
            which = "all qubits"
        parts.append(f"matrix on {which} from {counted(len(made_pass.block.members), 'gate')}")
    return "; ".join(parts) or "nothing"


def _why(schedule: Schedule) -> str:
    costs = ", ".join(
        f"{width}: {cost / 1000:.3g} us" for width, cost in sorted(schedule.costs, key=_width)
    )
    free = sum(block.free for block in schedule.blocks)
    return (
        f"{free} gates or parts of gates only permute or shift phases and cost no pass; estimated "
        f"time per sample (of one layer, where layers repeat) by width of the blocks: {costs}; the "
        f"cheapest is {schedule.width}"
    )


def _width(pair: tuple[int, float]) -> int:
    return pair[0]


def work_of(segments: Sequence[MadeSegment], num_qubits: int) -> tuple[float, float]:
    """Real operations, and bytes read and written, of all passes on one sample."""
    flops = moved = 0.0
    state = 8 << num_qubits
    for segment in segments:
        for made_pass in segment.passes:
            if made_pass.block is not None:
                per_entry = 4.0 if is_real_block(made_pass.block) else 8.0
                entries = 2 ** (num_qubits + len(made_pass.block.qubits))
                flops += segment.length * per_entry * entries
            sweeps = (made_pass.move is not None) + (made_pass.block is not None)
            moved += segment.length * 2 * state * sweeps
            flops += segment.length * 6 * 2**num_qubits * bool(made_pass.terms)
    return flops, moved


def with_unit(number: float) -> str:
    """Three digits and a prefix of thousands."""
    for unit in ("", "k", "M", "G"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} T"
