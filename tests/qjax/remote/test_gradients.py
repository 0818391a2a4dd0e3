"""The choices of a gradient on a primitive."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qjax.gradients import SPSA, ParameterShift


def test_choices_are_equal_by_value() -> None:
    assert ParameterShift() == ParameterShift()
    assert SPSA(0.2, 3, 4) == SPSA(epsilon=0.2, batch_size=3, seed=4)
    assert SPSA(np.float32(0.5)) == SPSA(0.5)
    assert len({SPSA(), SPSA(seed=1), ParameterShift()}) == 3


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"epsilon": 0.0}, ValueError, "epsilon.*positive.*0.0"),
        ({"epsilon": float("nan")}, ValueError, "epsilon.*nan"),
        ({"epsilon": "0.1"}, ValueError, "epsilon.*'0.1'"),
        ({"epsilon": True}, ValueError, "epsilon.*True"),
        ({"batch_size": 0}, ValueError, "batch_size.*at least 1.*0"),
        ({"batch_size": 1.5}, TypeError, "batch_size.*1.5"),
        ({"seed": None}, TypeError, "seed.*None"),
        ({"seed": -1}, ValueError, "seed.*-1"),
    ],
)
def test_what_is_no_choice(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        SPSA(**arguments)
