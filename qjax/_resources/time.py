"""Floor 7. Work, bytes exchanged, and how fast a machine is -> estimated seconds.

The time of a call, of its steps, and of what grows with the state. Threads share the states of a
batch, and a state that is larger than a cache; what is smaller than some microseconds stays on one.
"""

from qjax._resources.machine import Machine
from qjax._resources.subject import Subject
from qjax._resources.work import Work

# Amplitudes times steps that are worth a second thread; `threads.h`.
_WORTH_THREADS = 2.0**20
# Amplitudes of a state that is not one block of the kernels; `sweeps.h`.
_LARGE_STATE = 2.0**16
# XLA's matrix products are so many times as fast for each of so many samples.
_MANY, _OF_MANY = 32, 0.45


def seconds_of(subject: Subject, mode: str, work: Work, sent: float, machine: Machine) -> float:
    """Estimated seconds of a compiled call, for all samples.

    Args:
        subject: what is simulated.
        mode: "value", or how the value and its gradient are computed.
        work: of values.
        sent: bytes that each device sends.
        machine: each device is such a machine.
    """
    rates = machine.rates[f"{subject.method}/{subject.dtype.name}/{mode}"]
    unit = rates.unit(_bytes_that_matter(subject))
    computed = work.units * unit / (machine.speedup if is_parallel(subject, work) else 1)
    return (
        rates.call
        + rates.step * work.calls * _repeats(subject)
        + computed
        + sent / machine.bandwidth
    )


def units_of_call(subject: Subject, work: Work) -> tuple[float, float]:
    """(steps, units of work) of a call, by which rates are fitted."""
    return work.calls * _repeats(subject), work.units


def is_parallel(subject: Subject, work: Work) -> bool:
    """Whether several threads run."""
    amplitudes = subject.numbers / 2
    if subject.method == "native":
        many = subject.batch > 1 and work.units >= _WORTH_THREADS
        return many or amplitudes > _LARGE_STATE
    if subject.method == "xla":
        return subject.part * amplitudes > _LARGE_STATE
    return subject.batch * subject.runs * amplitudes > _LARGE_STATE


def _bytes_that_matter(subject: Subject) -> float:
    """What has to stay in a cache: the kernels run sample by sample, XLA all that run at once."""
    samples = subject.part if subject.method == "xla" else 1
    return float(samples * subject.one_state)


def _repeats(subject: Subject) -> int:
    """How often the steps of a circuit are begun anew."""
    if subject.method == "native":
        return subject.batch if subject.numbers > 2 << 10 else -(-subject.batch // 16)
    return subject.chunks if subject.method == "xla" else 1
