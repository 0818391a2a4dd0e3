"""Cases of `tests.noisy` as the product has them."""

from __future__ import annotations

from typing import Any

import qjax
from tests.noisy import Case


def noise_model(case: Case, strengths: Any = None) -> qjax.noise.NoiseModel:
    """The model of a case, with its own strengths or with these, which may be traced."""
    model = qjax.noise.NoiseModel()
    for rule, part in case.channels(strengths):
        channel = getattr(qjax.noise, rule.channel.name)(*rule.channel.arguments(part))
        add = model.after if rule.when == "after" else model.before
        model = add(list(rule.names), channel, qubits=rule.qubits)
    for qubit, matrix in case.readouts.items():
        model = model.readout(matrix, qubits=(qubit,))
    return model
