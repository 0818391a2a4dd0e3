"""Saved networks, made once: exporting one takes seconds."""

from __future__ import annotations

import numpy as np
import pytest

import qjax
from tests.qjax.networks.saved_networks import NAME
from tests.qjax.qnns import estimator


@pytest.fixture(scope="session")
def saved() -> bytes:
    return qjax.export(estimator(NAME), batch_size=4)


@pytest.fixture(scope="session")
def double() -> bytes:
    return qjax.export(estimator(NAME), batch_size=4, dtype=np.float64, vjp_order=2)
