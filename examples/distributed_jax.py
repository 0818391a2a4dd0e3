"""Training across processes, in pure JAX: one program, whose devices are those of all of them.

    python examples/distributed_jax.py

Started by itself, it starts two processes of four CPU devices each, which talk by gloo over
loopback, and checks that they give what one device gives. Where a launcher has set
JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, or inside of a job of Slurm's or
MPI's with JAX_CLUSTER=1, a process joins the others: the same code on GPUs, one process for each.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from qiskit.circuit.library import real_amplitudes, zz_feature_map

from figures import example_parser, save_losses
from qjax import EstimatorQNN

PROCESSES, DEVICES = 2, 4
STEPS, SAMPLES = 25, 64
HEARTBEAT = 10  # seconds without a sign of life after which a process counts as dead
OPTIMIZER = optax.sgd(0.5, momentum=0.5)
FEATURES, ANSATZ = zz_feature_map(3, reps=1), real_amplitudes(3, reps=2)
QNN = EstimatorQNN(
    circuit=FEATURES.compose(ANSATZ),
    input_params=FEATURES.parameters,
    weight_params=ANSATZ.parameters,
)


def samples() -> tuple[np.ndarray, np.ndarray]:
    """What is learned: points `(samples, 3)`, and what such a network says of them."""
    points = np.random.default_rng(6).uniform(-1, 1, (SAMPLES, 3)).astype(np.float32)
    return points, np.asarray(
        QNN.apply(np.linspace(0, 2, QNN.num_weights, dtype=np.float32), points)
    )


def loss(weights: jax.Array, points: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean((QNN.apply(weights, points) - targets) ** 2)


@jax.jit
def step(
    weights: jax.Array, state: optax.OptState, points: jax.Array, targets: jax.Array
) -> tuple[jax.Array, optax.OptState, jax.Array]:
    """New weights, new state of the optimizer, and the loss before."""
    value, gradient = jax.value_and_grad(loss)(weights, points, targets)
    updates, state = OPTIMIZER.update(gradient, state)
    return optax.apply_updates(weights, updates), state, value


def train(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Weights and losses; samples lie along the mesh, weights are on each of its devices."""
    along, everywhere = NamedSharding(mesh, P("batch")), NamedSharding(mesh, P())
    # Each process brings its own part; here all of them can make all samples.
    rows = np.split(np.arange(SAMPLES), jax.process_count())[jax.process_index()]
    batch = [jax.make_array_from_process_local_data(along, x[rows], x.shape) for x in samples()]
    weights = jax.device_put(np.linspace(-1, 1, QNN.num_weights, dtype=np.float32), everywhere)
    losses = []
    with jax.set_mesh(mesh):
        state = OPTIMIZER.init(weights)
        for number in range(STEPS):
            weights, state, value = step(weights, state, *batch)
            losses.append(float(value))
            if jax.process_index() == 0:
                print(f"step {number + 1}: {losses[-1]:.6f}", flush=True)
    return np.asarray(weights), np.asarray(losses)


def join() -> None:
    """Become one of the processes of a cluster."""
    number = os.environ.get("JAX_NUM_PROCESSES")
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        num_processes=None if number is None else int(number),
        process_id=None if number is None else int(os.environ["JAX_PROCESS_ID"]),
        heartbeat_timeout_seconds=HEARTBEAT,
        shutdown_timeout_seconds=HEARTBEAT,
    )


def launch(result: Path) -> int:
    """Start the processes on this machine, and wait; where one fails, the others are ended."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    given = {
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_NUM_PROCESSES": str(PROCESSES),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}",
    }
    command = [sys.executable, __file__, "--result", str(result)]
    workers = [
        subprocess.Popen(command, env={**os.environ, **given, "JAX_PROCESS_ID": str(number)})
        for number in range(PROCESSES)
    ]
    for number, worker in enumerate(workers):
        print(f"process {number}: {worker.pid}", flush=True)
    try:
        while any(worker.poll() is None for worker in workers):
            if failed := [worker for worker in workers if worker.poll()]:
                return failed[0].returncode
            time.sleep(0.05)
        return next((worker.returncode for worker in workers if worker.returncode), 0)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def compare(options: argparse.Namespace, weights: np.ndarray, losses: np.ndarray) -> None:
    """All devices of all processes beside one."""
    print(f"Loss in {PROCESSES} processes: {losses[0]:.4f} -> {losses[-1]:.4f}")
    expected, _ = train(jax.make_mesh((1,), ("batch",), devices=jax.devices()[:1]))
    worst = np.abs(weights - expected).max()
    print(f"Largest difference from one device: {worst:.1e}")
    save_losses(
        options.output / "distributed_jax_loss.png",
        losses.tolist(),
        f"A network in {PROCESSES} processes",
        "step of Adam",
        "mean squared error",
    )
    if losses[-1] > losses[0] / 2:
        raise SystemExit(f"expected the loss to halve, got {losses[0]} -> {losses[-1]}")
    if worst > 1e-6:
        raise SystemExit(f"expected the weights of one device, got a difference of {worst}")


def main() -> int:
    parser = example_parser(__doc__)
    parser.add_argument("--result", type=Path, help="file for weights and losses")
    options = parser.parse_args()
    if "JAX_COORDINATOR_ADDRESS" in os.environ or "JAX_CLUSTER" in os.environ:
        join()
        weights, losses = train(jax.make_mesh((jax.device_count(),), ("batch",)))
        if jax.process_index() == 0 and options.result:
            np.savez(options.result, weights=weights, losses=losses)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.npz")
        if code := launch(result):
            reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            print(f"a process failed ({reason}): the others were ended", file=sys.stderr)
            return 1
        found = np.load(result)
    compare(options, found["weights"], found["losses"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
