"""Several devices give what one gives, values and gradients, with JAX's own defaults."""

import json
import subprocess
import sys

import jax
import numpy as np
from qiskit.circuit.library import real_amplitudes

import qjax


def test_many_devices_give_what_one_gives():
    command = [sys.executable, "-m", "tests.qjax.meshes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({name for name, _, _ in found}) > 100
    assert not [line for line in found if not line[1] < line[2]]


def test_tables_do_not_belong_to_the_trace_in_which_they_are_made():
    circuit = qjax.from_qiskit(real_amplitudes(2, reps=3))
    params = jax.device_put(np.linspace(0, 1, circuit.num_params, dtype=np.float32))

    def slope(p: jax.Array) -> jax.Array:
        return jax.grad(lambda p: qjax.expectation(circuit, "ZZ", p))(p)

    inside = jax.jit(lambda: slope(params))()
    np.testing.assert_allclose(slope(params), inside, atol=1e-5)


def test_without_jit_simulations_are_compiled_nevertheless(compilations):
    circuit = qjax.from_qiskit(real_amplitudes(3, reps=4))
    params = np.linspace(0, 1, circuit.num_params, dtype=np.float32)
    expected = qjax.expectation(circuit, "XYZ", params)
    compilations.reset()
    with jax.disable_jit():
        found = qjax.expectation(circuit, "XYZ", params)
        assert compilations.count < 10  # of arguments and result: operations alone take hundreds
        slope = jax.grad(lambda p: qjax.expectation(circuit, "XYZ", p))(params)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    again = jax.grad(lambda p: qjax.expectation(circuit, "XYZ", p))(params)
    np.testing.assert_allclose(slope, again, atol=1e-6)
