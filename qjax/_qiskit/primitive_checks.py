"""Floor 3. Whether what a caller hands in is a primitive, or a pass manager, of Qiskit's."""

from math import isfinite

from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
from qiskit.providers import BackendV2

from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import measured_bits


def check_estimator(estimator: object, precision: object) -> None:
    """Require an estimator of version 2, and a precision or None.

    Raises:
        TypeError: for another kind of estimator.
        ValueError: for a precision that is none.
    """
    if not isinstance(estimator, BaseEstimatorV2):
        raise TypeError(_unknown("estimator", estimator, "BaseEstimatorV2", "StatevectorEstimator"))
    if precision is not None and not (
        isinstance(precision, (int, float))
        and not isinstance(precision, bool)
        and precision >= 0
        and isfinite(precision)
    ):
        raise ValueError(
            f"default_precision: got {precision!r}; expected a standard error of at least 0, or "
            "None for the estimator's own"
        )


def check_sampler(sampler: object, circuit: Circuit) -> None:
    """Require a sampler of version 2, and a circuit that measures each qubit once.

    Raises:
        TypeError: for another kind of sampler.
        ValueError: for a qubit that is measured into several bits, which noise may make different.
    """
    if not isinstance(sampler, BaseSamplerV2):
        raise TypeError(_unknown("sampler", sampler, "BaseSamplerV2", "StatevectorSampler"))
    bits = [qubit for qubit in measured_bits(circuit) if qubit is not None]
    if twice := sorted({qubit for qubit in bits if bits.count(qubit) > 1}):
        raise ValueError(
            f"sampler: qubit {twice[0]} is measured into several classical bits, which may differ "
            "on a machine; expected one for each. Copy the bit in `interpret` instead"
        )


def check_pass_manager(pass_manager: object) -> None:
    """Require something that transpiles circuits, or None.

    Raises:
        TypeError: for anything else.
    """
    if pass_manager is not None and not isinstance(pass_manager, BasePassManager):
        raise TypeError(
            f"pass_manager: got {type(pass_manager).__name__}; expected one of Qiskit's, such as "
            "`generate_preset_pass_manager(1, backend)`"
        )


def _unknown(name: str, primitive: object, base: str, example: str) -> str:
    kind = base.removeprefix("Base")
    held = (
        f". On a backend: {name}=qiskit.primitives.Backend{kind}(backend=...), with pass_manager="
        if isinstance(primitive, BackendV2)
        else ""
    )
    return (
        f"{name}: got {type(primitive).__name__}; expected one of Qiskit's primitives of version "
        f"2, a {base} such as qiskit.primitives.{example}, or None for exact simulation{held}"
    )
