"""Floor 7. What is simulated, by what, and on how many devices."""

from dataclasses import dataclass
from typing import Literal

import jax
import numpy as np

from qjax._base import tuning
from qjax._circuit.circuit import Circuit
from qjax._dynamic import deferred
from qjax._plan import step_counts
from qjax._simulators import (
    NATIVE,
    DensityMatrix,
    Gradient,
    Simulator,
    StateSharding,
    StateVector,
    Trajectories,
    resolved,
)

Method = Literal["native", "xla", "density matrix", "trajectories"]

# The kernels number rows by 32 bits, one of them a sign on the host.
_MOST_NATIVE_QUBITS = 31


@dataclass(frozen=True, slots=True)
class Subject:
    """What is simulated.

    Attributes:
        circuit: gates, and noise where measurements midway became channels.
        asked: how many qubits the circuit has that was asked about; others keep records.
        method: how states are represented, and by which engine pure ones are.
        kernels: whether the native engine is there.
        batch: samples.
        dtype: of amplitudes.
        gradient: how reverse mode works on XLA's engine.
        devices: how many there are.
        device_bits: the logarithm of how many of them hold a part of the state.
        runs: of each sample, by trajectories; else 1.
    """

    circuit: Circuit
    asked: int
    method: Method
    kernels: bool
    batch: int
    dtype: np.dtype
    gradient: Gradient | None
    devices: int
    device_bits: int
    runs: int

    @property
    def num_qubits(self) -> int:
        """How many qubits are simulated."""
        return self.circuit.num_qubits

    @property
    def num_local(self) -> int:
        """How many of them a device holds all settings of."""
        return self.num_qubits - self.device_bits

    @property
    def real(self) -> np.dtype:
        """The dtype of real numbers."""
        return np.dtype(np.float32 if self.dtype == np.complex64 else np.float64)

    @property
    def numbers(self) -> int:
        """Real numbers of one state on one device."""
        mixed = self.method == "density matrix"
        return 4**self.num_local if mixed else 2 << self.num_local

    @property
    def one_state(self) -> int:
        """Bytes of the part of one sample's state that a device holds."""
        return self.numbers * self.real.itemsize

    @property
    def chunks(self) -> int:
        """Parts of a batch of pure states that run one after the other."""
        chunk = tuning.of_backend(jax.default_backend()).chunk_bytes
        states = self.batch * self.one_state
        if chunk is None or states < 2 * chunk or self.device_bits:
            return 1
        return min(self.batch, -(-states // chunk))

    @property
    def part(self) -> int:
        """Samples that run at once."""
        return -(-self.batch // self.chunks)


def subject(
    circuit: Circuit,
    batch: int,
    dtype: np.dtype,
    gradient: Gradient | None,
    simulator: Simulator | None,
    devices: int,
) -> Subject:
    """What is simulated where all qubits are observed.

    Raises:
        NoExactFormError: for a dynamic circuit of more outcomes than can be followed.
        ValueError: for the native engine where it cannot run, and for several devices where states
            are not pure.
    """
    if isinstance(simulator, StateVector) and simulator.sharding is not None:
        devices, batch = _of_each(simulator.sharding, devices, batch)
    pure = simulator is None or isinstance(simulator, StateVector)
    if devices > 1 and not pure:
        raise ValueError(
            f"devices: got {devices} with simulator={simulator}; only pure states are cut into "
            "parts: expected devices=1, or StateVector()"
        )
    everything = frozenset(range(circuit.num_qubits))
    gates = deferred(circuit, everything, mixed=not pure)
    engine = simulator if isinstance(simulator, StateVector) else None
    kernels = resolved(engine).engine == NATIVE.engine
    runs = simulator.samples if isinstance(simulator, Trajectories) else 1
    if isinstance(simulator, DensityMatrix):
        method: Method = "density matrix"
    elif isinstance(simulator, Trajectories):
        method = "trajectories"
    else:
        method = "native" if kernels and _has_kernels(gates) else "xla"
    # Bits are exchanged for as many local ones.
    bits = min(devices.bit_length() - 1, gates.num_qubits // 2)
    num_asked = circuit.num_qubits
    return Subject(gates, num_asked, method, kernels, batch, dtype, gradient, devices, bits, runs)


def _of_each(sharding: StateSharding, devices: int, batch: int) -> tuple[int, int]:
    """(devices that hold parts of a state, samples of each of them) on a mesh.

    Raises:
        ValueError: for another number of devices.
    """
    count = sharding.num_devices
    if devices not in (1, count):
        raise ValueError(
            f"devices: got {devices} beside a sharding that cuts states into {count} parts; leave "
            "one of them out"
        )
    return count, -(-batch // sharding.num_batches)


def _has_kernels(circuit: Circuit) -> bool:
    return circuit.num_qubits <= _MOST_NATIVE_QUBITS and step_counts(circuit) is not None
