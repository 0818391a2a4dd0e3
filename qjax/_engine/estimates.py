"""Floor 6. (circuit, observables) -> compiled means over runs, and their standard errors."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from qjax._base import tuning
from qjax._base.mesh import on_mesh
from qjax._base.store import kept
from qjax._base.tables import in_precision
from qjax._circuit.circuit import Circuit
from qjax._circuit.measurements import draws_outcomes, without_final_measurements
from qjax._circuit.observable import Observable
from qjax._engine.trajectories import follow
from qjax._plan import canonical_frame
from qjax._readout import expectation_values, means_and_errors, probabilities_of, reading_of


@kept(tuning.PROGRAM_BYTES)
def compiled_estimate(
    circuit: Circuit, observables: tuple[Observable, ...], shots: int
) -> Callable[[Array, Array], tuple[Array, Array]]:
    """(params, key) -> means over runs without noise, and errors; no derivatives."""
    circuit = replace(circuit, ops=without_final_measurements(circuit))
    in_order = canonical_frame(circuit.num_qubits)
    sizes = circuit.num_qubits, circuit.num_params
    reading = reading_of(observables, *sizes, frozenset(), in_order)
    size = min(shots, runs_at_once(circuit))
    drawn = draws_outcomes(circuit)

    def run(params: Array, key: Array) -> tuple[Array, Array]:
        tables = in_precision(reading, jax.config.read("jax_enable_x64"))

        def part(key: Array) -> Float[Array, "observables size"]:
            state = follow(circuit, params, size, key).state
            seen = probabilities_of(state)[None] if reading.diagonal else state
            return expectation_values(tables, seen, params, jnp.zeros((0, size), params.dtype))

        means, errors = means_and_errors(part, key, shots, size)
        # All runs are the same where nothing is drawn; NaN stays NaN.
        return means, errors if drawn else means - means

    return jax.jit(partial(on_mesh, run))


def runs_at_once(circuit: Circuit) -> int:
    """So many that their states stay in the cache."""
    return max(1, tuning.RUNS_AT_ONCE >> circuit.num_qubits)
