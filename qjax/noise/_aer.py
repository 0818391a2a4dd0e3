"""Floor 5. Noise model of Qiskit Aer -> ours. Aer is not imported: its model is read as data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from qiskit.circuit import Delay

from qjax._noise import Channel, NoiseModel, Rule
from qjax._noise.gate_names import size_of
from qjax._noise.model import check_size
from qjax._noise.places import Place
from qjax.noise._quantum_errors import as_channel


def from_aer(noise_model: Any) -> NoiseModel:
    """The noise model of a `qiskit_aer.noise.NoiseModel`.

    Errors of operations act after them, and those of measurements before, as in Aer. An error for
    specific qubits takes the place of the one for all qubits. Mixtures of Pauli strings and of
    unitaries, and resets, stay such; all else becomes Kraus operators. The relaxation in delays
    that Aer's `from_backend` adds is left out, as circuits hold no delays. Bits that are misread
    jointly are so here; Aer does not apply such errors to circuits of Qiskit's. Aer looks a gate up
    by its label, where it has one, and runs controls on the value 0 as X gates around the gate;
    here a gate goes by its name alone, and those have names of their own, such as "cx_o0".

    Args:
        noise_model: Aer's, from 0.13 on.

    Returns:
        a model of a device: it may have rules for qubits that a circuit has not.

    Raises:
        TypeError: for what is no noise model of Aer's.
        ValueError: for what cannot be held, by its name: errors of labels or of operations that are
            imported as others, of custom passes, and of instructions in an error that are neither
            gates, resets nor Kraus operators.
    """
    if not hasattr(noise_model, "to_dict") or not hasattr(noise_model, "noise_instructions"):
        raise TypeError(
            "noise_model: expected a qiskit_aer.noise.NoiseModel, got the "
            f"{type(noise_model).__name__} {noise_model!r}"
        )
    _check_passes(noise_model)
    errors: list[Mapping[str, Any]] = noise_model.to_dict()["errors"]
    quantum = [error for error in errors if error["type"] == "qerror"]
    readout = [error for error in errors if error["type"] == "roerror"]
    if others := {str(error["type"]) for error in errors} - {"qerror", "roerror"}:
        raise ValueError(f"noise_model: it holds {', '.join(others)}, which is unknown here")
    model = NoiseModel(rules=tuple(_rules(quantum)), is_of_device=True)
    # Each qubit that is read jointly with others, too.
    own = (place for error in readout for place in _places(error) or ())
    exceptions = frozenset((qubit,) for place in own for qubit in place)
    for error in readout:
        places = _places(error)
        model = model.readout(error["probabilities"], qubits=places and list(places))
        if places is None:
            *others_before, added = model.readouts
            held = replace(added, exceptions=exceptions)
            model = replace(model, readouts=(*others_before, held))
    return model


def _rules(errors: list[Mapping[str, Any]]) -> list[Rule]:
    specific: dict[str, set[Place]] = {}
    for error in errors:
        for name in error["operations"]:
            specific.setdefault(name, set()).update(_places(error) or ())
    rules = []
    for error in errors:
        places = _places(error)
        for name in error["operations"]:
            channel = _channel(error, name, places)
            exceptions = frozenset(specific[name]) if places is None else frozenset()
            when: Literal["before", "after"] = "before" if name == "measure" else "after"
            rules.append(Rule(when, (name,), places, exceptions, channel))
    return rules


def _channel(error: Mapping[str, Any], name: str, places: tuple[Place, ...] | None) -> Channel:
    try:
        size = size_of(name)
    except ValueError as reason:
        raise ValueError(
            f"noise_model: it has an error of {name!r}, which is a label or the name of an "
            f"operation that circuits do not hold. {reason}"
        ) from reason
    if places:
        size = len(places[0])
    terms = list(zip(error["instructions"], error["probabilities"], strict=True))
    if size is None:
        size = 1 + max(qubit for term, _ in terms for each in term for qubit in each["qubits"])
    channel = as_channel(terms, size, f"noise_model: the error of {name!r}")
    check_size(name, size, channel)
    return channel


def _places(error: Mapping[str, Any]) -> tuple[Place, ...] | None:
    places = error.get("gate_qubits")
    return None if places is None else tuple(tuple(map(int, place)) for place in places)


def _check_passes(noise_model: Any) -> None:
    """Refuse passes that add noise by rules of their own, but for noise in delays."""
    for each in getattr(noise_model, "_custom_noise_passes", ()):
        kinds = getattr(each, "_ops", None) or ()
        kinds = kinds if isinstance(kinds, (list, tuple)) else (kinds,)
        if not kinds or any(kind is not Delay for kind in kinds):
            raise ValueError(
                f"noise_model: it has a custom noise pass, {type(each).__name__}, which decides by "
                "rules of its own; expected errors of gates, resets and measurements"
            )
