"""Floor 7. (circuit, observables, params, key) -> means over runs or shots, and their errors."""

from typing import NamedTuple

from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit

from qjax._base.arrays import check_key, check_known_finite
from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._engine import (
    DrawnTask,
    Expectations,
    compiled_drawn,
    compiled_estimate,
    compiled_estimates,
    task_for,
    with_simulator,
)
from qjax._noise import NoiseModel, as_noise, reduced, structure_of
from qjax._qiskit import ParameterValues, as_observables, as_parameters
from qjax._readout import (
    check_shots,
)
from qjax._simulators import (
    ExactSimulator,
    Simulator,
)
from qjax.simulators import Trajectories as TrajectorySimulator


class Estimate(NamedTuple):
    """Means over runs of a circuit, and their standard errors."""

    values: Float[Array, "*observables"]
    errors: Float[Array, "*observables"]


def estimate(
    circuit: Circuit | QuantumCircuit,
    observables: object,
    params: ParameterValues = (),
    shots: int | None = None,
    key: Array | None = None,
    *,
    simulator: Simulator | None = None,
    noise: NoiseModel | None = None,
) -> Estimate:
    """Expectation values as means over runs of a circuit; observables as `expectation`.

    Outcomes midway and what noise does are drawn; the value of each run is exact, so that a circuit
    without any of those has the error 0. As everywhere, measurements that nothing comes after are
    left out. Memory does not grow with the number of runs.

    With `simulator=StateVector()` or `DensityMatrix()` what is measured is drawn too, as on a
    device: values are those of `expectation(..., shots=shots, key=key)`, by groups of terms with so
    many shots each, and errors are those of the shots.

    With `simulator=Trajectories(samples)` means have derivatives in parameters and strengths of
    noise, by `jax.grad` and in forward mode: unbiased ones, of values and of how likely the runs
    are (the score function estimator, with the mean of other runs as a baseline: P. Glynn, CACM 33,
    75 (1990); Kool, van Hoof and Welling, ICLR workshop 2019). Their standard errors fall as
    1/sqrt(samples) too; in strengths they grow as 1/sqrt(p). The same key draws the same numbers,
    whatever the parameters are. What has the probability 0 is never drawn: derivatives in a
    strength of exactly 0 lack it, and are NaN for channels that are no mixtures of unitaries;
    `DensityMatrix` has them.

    Args:
        circuit: as in `statevector`.
        observables: as in `expectation`.
        params: as in `statevector`.
        shots: how many runs; None where `simulator` says it.
        key: a JAX random key.
        simulator: of `qjax.simulators`: `Trajectories(samples)`, for derivatives; another one for
            what a device would measure.
        noise: what goes wrong on the way; None for nothing.

    Returns:
        means and their standard errors, each of shape `()` for one observable, `(O,)` for a list.
        A single run of a circuit with something to draw has the error NaN.

    Raises:
        ValueError: also for both `shots` and `Trajectories`.
        TypeError: also where there is neither, for another simulator, and without a key.
    """
    check_process()
    circuit, converted, shape = as_observables(circuit, observables, params)
    values = as_parameters(circuit, params, converted)
    check_known_finite(values, "params")
    check_key(key)
    assert key is not None
    if isinstance(simulator, ExactSimulator):
        chosen, model = with_simulator(circuit, simulator, as_noise(noise))
        assert not isinstance(chosen, TrajectorySimulator)
        sampled = task_for(circuit, Expectations(converted), chosen, model)
        drawn = compiled_estimates(sampled, _number_of_runs(shots, None))(values, model, key)
        return Estimate(*(statistic.reshape(shape) for statistic in drawn))
    runs, model = _number_of_runs(shots, simulator), as_noise(noise)
    if simulator is None and model is None:
        statistics = compiled_estimate(circuit, converted, runs)(values, key)
    else:
        model = None if model is None else reduced(model, circuit)
        structure = None if model is None else structure_of(model)
        task = DrawnTask(circuit, frozenset(), Expectations(converted), structure, runs)
        statistics = compiled_drawn(task)(values, model, key)
    return Estimate(*(statistic.reshape(shape) for statistic in statistics))


def _number_of_runs(shots: int | None, simulator: object) -> int:
    if simulator is None:
        if shots is None:
            raise TypeError(
                "shots: expected how many runs the means are of, got None; give shots=, or "
                "simulator=qjax.simulators.Trajectories(samples)"
            )
        return check_shots(shots)
    if not isinstance(simulator, TrajectorySimulator):
        raise TypeError(
            f"simulator: got {simulator!r}; expected one of qjax.simulators, such as "
            "qjax.simulators.Trajectories(samples), or None"
        )
    if shots is not None:
        raise ValueError(
            f"shots: got {shots} beside {simulator}, which says how many runs there are; give one "
            "of the two"
        )
    return check_shots(simulator.samples)
