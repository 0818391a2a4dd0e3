"""Floor 8. Networks whose outputs are drawn: the keys that they need, and what shots mean."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax import Array

from qjax._base.arrays import check_key
from qjax._base.options import is_whole
from qjax._engine import Model, Shots, as_rule, check_shifts, sampled_task_of, with_simulator
from qjax._noise import NoiseModel, structure_of
from qjax._readout import check_shots


def as_shots(shots: object, gradient: object) -> Shots | None:
    """How a network is sampled; None for one that is exact.

    Raises:
        ValueError: for fewer shots than 1, or more than 2**31, and for an unknown gradient.
        TypeError: for what is no whole number.
    """
    if shots is None:
        return None
    return Shots(check_shots(shots), as_rule(gradient))  # type: ignore[arg-type]


def check_rule(model: Model, with_inputs: bool) -> None:
    """Require that a network with shots can be differentiated as it is told to.

    Raises:
        ValueError: for a gate without a shift rule, and for circuits that have none.
    """
    if model.shots is not None and model.shots.rule != "exact":
        check_shifts(sampled_task_of(model), model.shots.rule, with_inputs)


def keys_for(model: Model, key: Any, call: str) -> tuple[Array, ...]:
    """The key that the network's function takes, or none.

    Args:
        model: the network's.
        key: what was given.
        call: how the caller calls the function.

    Raises:
        TypeError: for a missing key, one that nothing is drawn with, and what is no key.
    """
    if not model.is_random:
        if key is not None:
            raise TypeError(
                f"{call}: got a key, but nothing is drawn: this network is exact. Leave it out, or "
                "make the network with shots= or simulator=Trajectories(samples)"
            )
        return ()
    if key is None:
        raise TypeError(
            f"{call}: outputs of a network with {_drawn(model)} are drawn; expected a JAX random "
            "key, key=jax.random.key(seed), a new one for each call, got none"
        )
    check_key(key)
    return (key,)


def _drawn(model: Model) -> str:
    return "shots" if model.runs is None else str(model.simulator)


def exact_model(model: Model, noise: NoiseModel | None) -> Model:
    """The same network with exact values: by the simulator for its noise, where runs were drawn."""
    if model.runs is None:
        return replace(model, shots=None)
    how, relevant = with_simulator(model.circuit, None, noise)
    structure = None if relevant is None else structure_of(relevant)
    return replace(model, simulator=how, noise=structure)


def keys_of_seed(model: Model, seed: int | None) -> tuple[Array, ...]:
    """The key of a seed, or none where nothing is drawn; without a seed, a fresh one.

    Raises:
        TypeError: for a seed where nothing is drawn.
        ValueError: for what is no whole number of 64 bits.
    """
    if model.is_random:
        return (key_of_seed(check_seed(seed)),)
    if seed is not None:
        raise TypeError(
            f"seed: got {seed!r}, but nothing is drawn: this network is exact. Leave it out, or "
            "make the network with shots="
        )
    return ()


def key_of_seed(seed: int | None) -> Array:
    """A JAX random key; None draws one from the system's entropy."""
    if seed is None:
        return jax.random.key(np.random.SeedSequence().generate_state(1)[0])
    # Without JAX's x64 flag a key takes 32 bits.
    high, low = divmod(seed, 2**32)
    key = jax.random.key(np.uint32(low))
    return key if high == 0 else jax.random.fold_in(key, np.uint32(high % 2**32))


def check_seed(seed: int | None) -> int | None:
    """Require a whole number of 64 bits, or None.

    Raises:
        ValueError: otherwise.
    """
    if seed is None:
        return None
    if not is_whole(seed) or not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number of at most 64 bits, got {seed!r}")
    return int(seed)


def refuse_shots(shots: object) -> None:
    """Estimators are asked for a precision instead.

    Raises:
        ValueError: where shots are given.
    """
    if shots is not None:
        raise ValueError(
            f"shots: got {shots!r} beside estimator=, which computes the values; expected "
            "default_precision=, a standard error of about 1 / sqrt(shots), or no estimator"
        )


def without_shots(network: Any, changes: Mapping[str, Any]) -> dict[str, None]:
    """What a network loses with its shots, where those are taken from it: how to differentiate.

    So does an exact one that gets some.
    """
    if "shots" not in changes or network.primitive is not None:
        return {}
    was_exact = network._model.shots is None
    return {"gradient": None} if (changes["shots"] is None) != was_exact else {}


def evaluation_key(network: Any, key: Any, seed: int | None) -> Array | None:
    """The key that any network is evaluated with; None where nothing is drawn.

    Raises:
        TypeError: for a key or seed where nothing is drawn, and for what is no key.
        ValueError: for both, and for a seed that is no whole number.
    """
    if key is not None and seed is not None:
        raise ValueError("key: got a key and a seed; expected one of them, or none")
    if not getattr(network, "needs_key", False):
        if key is not None or seed is not None:
            given = "key" if seed is None else "seed"
            raise TypeError(
                f"{given}: nothing is drawn by this {type(network).__name__}; leave it out"
            )
        return None
    if key is None:
        return key_of_seed(check_seed(seed))
    check_key(key)
    return key
