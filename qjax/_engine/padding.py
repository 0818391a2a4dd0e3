"""Floor 6. Batch sizes -> a few sizes, for which programs are compiled."""

from qjax._base import tuning
from qjax._base.store import kept
from qjax._engine.model_tasks import Model, num_simulated_of


def padded_size(model: Model, batch: int) -> int:
    """How many samples a batch is filled up to, so that batches of many sizes share a program.

    Small circuits have one size for all small batches: what a call takes besides the simulation is
    then most of it. From there on, sizes are an eighth of a power of two apart, so that at most
    12.5 % is added.

    Args:
        model: what is computed.
        batch: how many samples there are.
    """
    least = _least(model)
    if batch <= least or not model.inputs:
        return least if batch and model.inputs else batch
    step = max(1, (1 << batch.bit_length()) >> 4)
    return -(-batch // step) * step


@kept()
def _least(model: Model) -> int:
    """The largest power of two whose simulation costs less than the rest of a call."""
    work = max(1, len(model.circuit.ops)) << num_simulated_of(model) * (1 + model.is_mixed)
    work *= model.runs or 1
    most = min(tuning.LEAST_BATCH, max(1, tuning.LEAST_BATCH_WORK // work))
    return 1 << (most.bit_length() - 1)
