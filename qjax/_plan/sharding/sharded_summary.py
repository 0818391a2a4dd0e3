"""Floor 3. What `print(plan)` says where several devices hold parts of a state."""

from qjax._base.arrays import counted
from qjax._plan.sharding.sharded_plan import ShardedPlan
from qjax._plan.summary import with_unit

# Of a complex number in single precision.
_AMPLITUDE = 8


def bytes_sent(plan: ShardedPlan) -> float:
    """What each device sends to others for one sample, in single precision, on the way to values.

    Reverse mode sends twice as much again: the state goes back, and its cotangent.
    """
    return sum(exchange.share for exchange in plan.exchanges) * (_AMPLITUDE << plan.num_local)


def summarise_sharded(plan: ShardedPlan, num_parts: int) -> str:
    """The text of a plan.

    Args:
        plan: of a part of a task.
        num_parts: how many groups of observables are evaluated one after the other.
    """
    bits = plan.num_qubits - plan.num_local
    local = with_unit(_AMPLITUDE << plan.num_local)
    lines = [
        f"{counted(plan.num_qubits, 'qubit')} on {counted(plan.num_devices, 'device')}: each holds "
        f"2**{plan.num_local} amplitudes of a sample, {local}B (complex64), those of one setting "
        f"of {counted(bits, 'bit')}"
    ]
    for place, stage in enumerate(plan.stages):
        if (exchange := stage.exchange) is not None:
            sent = with_unit(exchange.share * (_AMPLITUDE << plan.num_local))
            lines.append(
                f"  exchange of {counted(exchange.num_bits, 'bit')}: an all-to-all among each "
                f"{1 << exchange.num_bits} devices; each sends {sent}B"
            )
        work = counted(stage.num_operations, "operation")
        what = f", then {counted(len(stage.strings), 'string')} read out" if stage.strings else ""
        is_last = place + 1 == len(plan.stages)
        if is_last and not stage.num_operations and not stage.strings:
            lines.append("  so that amplitudes, or their probabilities, come in order")
        else:
            lines.append(f"  each device alone: {work}{what}")
    lines.append(
        f"  {counted(len(plan.exchanges), 'exchange')}: each device sends "
        f"{with_unit(bytes_sent(plan))}B for a value, and twice that again for a gradient"
    )
    if num_parts > 1:
        lines.append(
            f"  {num_parts} groups of observables are evaluated one after the other; this is a "
            "widest one"
        )
    return "\n".join(lines)
