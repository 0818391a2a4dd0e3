"""Floor 7. What a caller chose -> a network on a primitive, or the refusal of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit.passmanager import BasePassManager
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

from qjax._base.process import check_process
from qjax._circuit.circuit import Circuit, preparations
from qjax._circuit.free_angles import free_angles
from qjax._circuit.observable import Observable, PauliSum
from qjax._engine import Expectations, Model, Probabilities
from qjax._expressions import Expression
from qjax._qiskit import (
    EstimatorSource,
    Held,
    SamplerSource,
    Source,
    check_estimator,
    check_pass_manager,
    check_sampler,
    check_target,
)
from qjax._readout import check_shots
from qjax._remote.network import Remote, Rule, moving_groups
from qjax._remote.noise import Blurred
from qjax._remote.stencils import stencil_size
from qjax.gradients import SPSA, ParameterShift

_RULES: dict[str, Rule] = {"parameter_shift": ParameterShift(), "spsa": SPSA()}


def on_estimator(
    model: Model,
    estimator: BaseEstimatorV2,
    precision: float | None,
    pass_manager: BasePassManager | None,
    gradient: object,
    with_inputs: bool,
) -> Remote:
    """A network of expectation values on an estimator, transpiled.

    Raises:
        TypeError: for what is no estimator or pass manager of Qiskit's.
        ValueError: for a precision that is none, an unknown gradient, or a gate that the gradient
            has no rule for.
    """
    check_estimator(estimator, precision)
    _check_accuracy(estimator, precision)
    check_pass_manager(pass_manager)
    assert isinstance(model.readout, Expectations)
    free = free_angles(model.circuit)
    _refuse_transpiling(free.circuit, pass_manager)
    observables = model.readout.observables
    _refuse_parameters(observables)
    source = EstimatorSource(
        free.circuit, observables, Held(estimator), _held(pass_manager), precision
    )
    remote = Remote(model, source, free.expressions, _rule(gradient))
    return _prepared(remote, with_inputs)


def on_sampler(
    model: Model,
    sampler: BaseSamplerV2,
    shots: int | None,
    pass_manager: BasePassManager | None,
    gradient: object,
    with_inputs: bool,
) -> Remote:
    """A network of probabilities on a sampler, transpiled; errors as `on_estimator`."""
    check_sampler(sampler, model.circuit)
    check_pass_manager(pass_manager)
    assert isinstance(model.readout, Probabilities)
    free, readout = free_angles(model.circuit), model.readout
    _refuse_transpiling(free.circuit, pass_manager)
    held = _held(pass_manager)
    accuracy = None if shots is None else check_shots(shots)
    _check_accuracy(sampler, accuracy)
    source = SamplerSource(
        free.circuit, readout.targets, readout.num_outputs, Held(sampler), held, accuracy
    )
    remote = Remote(model, source, free.expressions, _rule(gradient))
    return _prepared(remote, with_inputs)


def _check_accuracy(primitive: object, accuracy: float | None) -> None:
    if isinstance(primitive, Blurred):
        primitive.check_accuracy(accuracy)


def _refuse_parameters(observables: tuple[Observable, ...]) -> None:
    for observable in observables:
        if isinstance(observable, PauliSum) and any(
            isinstance(term.coefficient, Expression) for term in observable.terms
        ):
            raise ValueError(
                "observables: a coefficient has parameters, which an estimator cannot bind; give "
                "the terms as observables of their own and sum the outputs, or leave estimator=None"
            )


def _refuse_transpiling(free: Circuit, pass_manager: BasePassManager | None) -> None:
    amplitudes = (expression for op in preparations(free) for expression in op.real + op.imag)
    if pass_manager is not None and any(expression.parameters for expression in amplitudes):
        raise ValueError(
            "pass_manager: the circuit starts from amplitudes that are parameters, which nothing "
            "can transpile before they are bound; expected a primitive that takes circuits as they "
            "are, such as qjax.primitives' or Qiskit's StatevectorEstimator and StatevectorSampler"
        )


def refuse_settings(gradient: object, primitive: str, **settings: object) -> None:
    """Settings of a primitive mean nothing without one: say so, rather than ignore them.

    Raises:
        ValueError: where one is given.
    """
    _refuse_qiskit_ml(gradient)
    if isinstance(gradient, (ParameterShift, SPSA)) or (
        isinstance(gradient, str) and gradient in _RULES
    ):
        raise ValueError(
            f"gradient: {gradient!r} is not supported without {primitive}=, as simulation has "
            "exact gradients; expected None, 'backprop' or 'adjoint'"
        )
    for name, value in settings.items():
        if value is not None:
            raise ValueError(
                f"{name}: got {value!r} without {primitive}=; simulation is exact and needs none. "
                f"Leave it out, or give {primitive}="
            )


def refuse_beside(primitive: str, **given: object) -> None:
    """What simulates, and with what noise, means nothing where a primitive is asked.

    Raises:
        ValueError: where it is given.
    """
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}: got {value!r} beside {primitive}=, which computes the values; leave "
                "one of them out"
            )


def without_primitive(
    primitive: str, settings: Sequence[str], network: Any, changes: Mapping[str, Any]
) -> dict[str, None]:
    """What a network loses with its primitive, where that is taken from it."""
    taken = network.primitive is not None and changes.get(primitive, "kept") is None
    return dict.fromkeys(settings) if taken else {}


def _refuse_qiskit_ml(gradient: object) -> None:
    """Gradients of Qiskit ML, told by their module's name, have a primitive of their own."""
    kind = gradient if isinstance(gradient, type) else type(gradient)
    if kind.__module__.partition(".")[0] != "qiskit_machine_learning":
        return
    remedy = (
        "on a primitive use qjax.gradients.SPSA(epsilon, batch_size, seed); a simulation has exact "
        "gradients and needs none"
        if "SPSA" in kind.__name__
        else "leave it out: a simulation has exact gradients, and a network on a primitive has "
        "those of the parameter-shift rule (gradient='parameter_shift', its default)"
    )
    raise ValueError(
        f"gradient: got {kind.__name__}, which is Qiskit Machine Learning's and not supported; "
        + remedy
    )


def _rule(gradient: object) -> Rule:
    _refuse_qiskit_ml(gradient)
    if gradient is None:
        return ParameterShift()
    if isinstance(gradient, (ParameterShift, SPSA)):
        return gradient
    if isinstance(gradient, str) and gradient in _RULES:
        return _RULES[gradient]
    raise ValueError(
        f"gradient: {gradient!r} is not supported on a primitive; expected 'parameter_shift' or "
        "None (exact rules), 'spsa', or qjax.gradients.SPSA(epsilon, batch_size, seed)"
    )


def _held(pass_manager: BasePassManager | None) -> Held | None:
    return None if pass_manager is None else Held(pass_manager)


def _prepared(remote: Remote, with_inputs: bool) -> Remote:
    """The network, with the circuit that is sent made: what cannot be transpiled shows here.

    So does what cannot be differentiated.
    """
    check_process()
    source: Source = remote.source
    check_target(source.primitive.value, source.sent.circuit, source.pass_manager is not None)
    stencil_size(remote, moving_groups(remote, with_inputs))
    return remote
