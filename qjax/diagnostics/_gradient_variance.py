"""Floor 9. (circuit, observable) -> the variance of its derivatives over random parameters."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qjax._base import tuning
from qjax._base.arrays import check_key, enumerated
from qjax._base.options import as_whole, is_whole
from qjax._base.process import check_process
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._circuit.observable import Observable
from qjax._engine import Expectations, Task, run
from qjax._qiskit import as_circuit, as_observables
from qjax.diagnostics._random_parameters import at_random_parameters, bytes_of_state


def gradient_variance(
    circuit: Circuit | QuantumCircuit,
    observable: object,
    *,
    samples: int = 1000,
    key: Array,
    parameter: int | str | Parameter | None = None,
) -> Float[Array, "*params"]:
    """The variance of d<O>/d(parameter) over random parameters, uniform in [0, 2 pi).

    Where a circuit is near to a 2-design, it falls as 2^-n or faster with the number n of qubits: a
    barren plateau (J. R. McClean, S. Boixo, V. N. Smelyanskiy, R. Babbush and H. Neven, Nat.
    Commun. 9, 4812 (2018)). Call it for the circuits of several widths, and look at the logarithm:
    `examples/diagnostics.py` does. Compiled once per circuit and number of samples; memory is
    bounded whatever their number.

    Args:
        circuit: the circuit.
        observable: one; see `qjax.expectation`.
        samples: how many sets of parameters. The variance of n samples has a relative error of
            about sqrt(2 / n), or more where derivatives have heavy tails.
        key: a JAX random key.
        parameter: one of the circuit's, its name or its index; None for all.

    Returns:
        shape `(num_params,)`, in the order of `circuit.parameters`; `()` for one parameter.

    Raises:
        ValueError: for a number of samples below 2, a parameter that the circuit has not, several
            observables, parameters in an observable's coefficients, or what is too large for
            memory; else as `qjax.expectation`.
        TypeError: for what is no key, no parameter or no observable.
        UnsupportedInstructionError: see `from_qiskit`.
    """
    check_process()
    check_key(key)
    converted, observables, shape = as_observables(circuit, observable)
    if shape:
        raise ValueError(
            f"observable: expected one, got a list of {len(observables)}; variances of several are "
            "several calls"
        )
    if converted.num_params > as_circuit(circuit).num_params:
        raise ValueError(
            "observable: its coefficients have parameters that are not the circuit's, "
            f"{enumerated(converted.parameters[as_circuit(circuit).num_params :])}; bind them first"
        )
    place = None if parameter is None else _place_of(parameter, converted)
    program = _compiled(converted, observables[0], as_whole(samples, "samples", 2))
    variances = program(key)
    return variances if place is None else variances[place]


def _place_of(parameter: int | str | Parameter, circuit: Circuit) -> int:
    if is_whole(parameter):
        return as_whole(parameter, "parameter", 0, circuit.num_params - 1)
    name = parameter.name if isinstance(parameter, Parameter) else parameter
    if not isinstance(name, str):
        raise TypeError(
            f"parameter: expected a parameter of the circuit, its name or its index, got {name!r}"
        )
    if name not in circuit.parameters:
        raise ValueError(
            f"parameter: {name!r} is not among the circuit's {enumerated(circuit.parameters)}"
        )
    return circuit.parameters.index(name)


@kept(tuning.DERIVATIVES_BYTES)
def _compiled(
    circuit: Circuit, observable: Observable, samples: int
) -> Callable[[Array], Float[Array, " params"]]:
    batched = frozenset(range(circuit.num_params))
    task = Task(circuit, batched, Expectations((observable,)))

    def total(columns: Array) -> Array:
        # The derivative of the sum by a column's parameters is that column's gradient.
        return jnp.sum(run(task, jnp.zeros((0,), columns.dtype), columns))

    def gradients(columns: Array) -> Float[Array, "samples params"]:
        return jax.grad(total)(columns).T

    def variance(key: Array) -> Float[Array, " params"]:
        if not circuit.num_params:
            return jnp.zeros((0,), jnp.result_type(float))
        size = 2 * bytes_of_state(circuit)
        return jnp.var(at_random_parameters(gradients, circuit.num_params, samples, key, size), 0)

    return jax.jit(variance)
