"""Floor 9. Qiskit's Sampler on this engine."""

import warnings
from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
from jaxtyping import Float
from qiskit.primitives import (
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveJob,
    PrimitiveResult,
    SamplerPubLike,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit
from qjax._noise import NoiseModel
from qjax._qiskit import Distribution, DistributionResult
from qjax._readout import check_shots, check_shots_fit
from qjax._simulators import Simulator
from qjax.primitives._outcomes import outcomes_of_pubs
from qjax.primitives._requests import (
    Seed,
    Simulating,
    listed,
    of_qiskit,
    submit,
    unmasked,
)


class Unsaid(Enum):
    """What is left to the sampler, which chooses."""

    SHOTS = 1024


class Sampler(Simulating, BaseSamplerV2):
    """Samples of the classical registers, drawn from exact probabilities.

    Circuits with more outcomes than can be followed exactly are run shot by shot: see
    `qjax.sample`. With `simulator=Trajectories(samples)` all circuits are, each run being one shot
    in which noise is drawn too: `samples` is how many shots all pubs have. Where probabilities are
    asked for, they are means over so many runs.

    Args:
        default_shots: of pubs that state none; 1024, or as many as `Trajectories` has samples,
            unless told. None gives them exact probabilities instead of samples, a `Distribution`
            for each register, as Qiskit Machine Learning's `QMLSampler(shots=None)` does.
        seed: an integer draws the same samples in each run.
        exact: True gives probabilities to all pubs, whatever shots are asked for.
        noise: a `qjax.noise.NoiseModel`, what goes wrong on the way, misread bits included; None
            for nothing.
        simulator: how states are represented, one of `qjax.simulators`; None chooses.

    Raises:
        ValueError: for shots below 1, or others than `Trajectories` has samples; for a negative
            seed.
        TypeError: for what is no whole number, and what is no noise model or simulator.
    """

    def __init__(
        self,
        *,
        default_shots: int | Unsaid | None = Unsaid.SHOTS,
        seed: Seed = None,
        exact: bool = False,
        noise: NoiseModel | None = None,
        simulator: Simulator | None = None,
    ) -> None:
        super().__init__(seed, exact, noise, simulator)
        if isinstance(default_shots, Unsaid):
            default_shots = default_shots.value if self._runs is None else self._runs
        shots = None if default_shots is None else _shots(default_shots)
        self.check_accuracy(shots)
        self._default_shots = None if exact else shots

    @property
    def default_shots(self) -> int | None:
        """The shots of pubs that state none; None for exact probabilities."""
        return self._default_shots

    def run(
        self,
        pubs: Iterable[SamplerPubLike | Circuit | tuple[Circuit, *tuple[Any, ...]]],
        *,
        shots: int | None = None,
    ) -> PrimitiveJob[PrimitiveResult[SamplerPubResult]]:
        """Start sampling.

        Args:
            pubs: (circuit, parameter values, shots), the last two optional. A classical bit that
                nothing is measured into stays 0. The circuit is one of Qiskit's or a
                `qjax.Circuit`, whose parameter values have its own order, and whose `registers`
                name its classical bits.
            shots: for pubs that state none. With `exact`, no shots are heeded.

        Returns:
            a job; its result holds one `BitArray` per classical register, by name, for each pub;
            where no shots are asked for, a `Distribution` of exact probabilities. It raises
            `UnsupportedInstructionError` for circuits that `from_qiskit` refuses, and
            `NoExactFormError` where shots are needed.

        Raises:
            ValueError: for no shots, or more than 2**31 or than fit into memory; for others than
                `Trajectories` has samples.
            TypeError: for what are no pubs.
        """
        check_process()
        chosen = self._default_shots if shots is None else shots
        coerced = [
            SamplerPub.coerce(of_qiskit(unmasked(pub, 1), 1), chosen) for pub in listed(pubs)
        ]
        for pub in coerced:
            if not self._exact and pub.shots is not None:
                _check_shots(pub)
                self.check_accuracy(pub.shots)
        if any(not pub.circuit.cregs for pub in coerced):
            warnings.warn(
                "a circuit has no classical register, so its result is empty: add measurements, "
                "for instance by measure_all(); of a qjax.Circuit, name its bits in `registers`",
                stacklevel=2,
            )
        return submit(self._results, coerced)

    def _results(self, pubs: list[SamplerPub]) -> list[SamplerPubResult]:
        shots = [None if self._exact else pub.shots for pub in pubs]
        all_outcomes = outcomes_of_pubs(self, pubs, shots)
        return [
            _result(pub, outcomes, self._runs)
            for pub, outcomes in zip(pubs, all_outcomes, strict=True)
        ]

    def blurred(
        self, exact: Float[np.ndarray, "points outcomes"], accuracy: float | None
    ) -> Float[np.ndarray, "points outcomes"]:
        """Frequencies of outcomes with these probabilities in a number of shots."""
        shots = self._default_shots if accuracy is None else int(accuracy)
        if self._exact or shots is None:
            return exact
        certain = np.clip(exact, 0, None)
        certain = certain / certain.sum(axis=1, keepdims=True)
        return np.random.default_rng(self._seed).multinomial(shots, certain) / shots

    def check_accuracy(self, accuracy: float | None) -> None:
        """Require as many shots as there are runs of `Trajectories`."""
        if accuracy in (None, self._runs) or self._runs is None or self._exact:
            return
        raise ValueError(
            f"shots: got {accuracy} beside {self.simulator}, whose samples are the runs: each is "
            f"one shot; expected {self._runs} shots, or none told, or Trajectories({accuracy})"
        )

    def counts_runs(self, accuracy: float | None) -> bool:
        """Whether shots are asked for: each run is one."""
        return not self._exact and (accuracy is not None or self._default_shots is not None)


def _check_shots(pub: SamplerPub) -> None:
    # Drawn outcomes, twice while they are put together, and their bits until they are packed.
    check_shots_fit(check_shots(pub.shots) * pub.size, 8 + 3 * pub.circuit.num_clbits)


def _shots(shots: object) -> int:
    try:
        return check_shots(shots)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise type(error)(f"default_{error}, or None for exact probabilities") from error


def _result(
    pub: SamplerPub, outcomes: Distribution | np.ndarray, runs: int | None
) -> SamplerPubResult:
    """A pub's registers, of samples `(points, shots, clbits)` or the distribution of all bits.

    That is exact, or a mean over so many runs.
    """
    registers = {
        register.name: [pub.circuit.find_bit(bit).index for bit in register]
        for register in pub.circuit.cregs
    }
    metadata = {"shots": None, "circuit_metadata": pub.circuit.metadata}
    if isinstance(outcomes, Distribution):
        joint = outcomes.joint.reshape(*pub.shape, outcomes.joint.shape[-1])
        shown = {
            name: Distribution(joint, tuple(outcomes.places[clbit] for clbit in clbits))
            for name, clbits in registers.items()
        }
        data = DataBin(**shown, shape=pub.shape)
        return DistributionResult(data, metadata=metadata | {"shots": runs, "exact": runs is None})
    bits = outcomes.reshape(*pub.shape, pub.shots, pub.circuit.num_clbits)
    drawn = {
        name: BitArray.from_bool_array(bits[..., clbits], order="little")
        for name, clbits in registers.items()
    }
    data = DataBin(**drawn, shape=pub.shape)
    return SamplerPubResult(data, metadata=metadata | {"shots": pub.shots})
