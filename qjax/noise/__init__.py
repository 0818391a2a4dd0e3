"""Floor 5. Noise channels and models: what `noise=` takes.

    from qjax.noise import NoiseModel, amplitude_damping, depolarizing

    noise = (
        NoiseModel()
        .after(["h", "ry"], amplitude_damping(0.002))
        .after("cx", depolarizing(0.01, num_qubits=2))
        .readout(0.02)
    )

`kraus`, `coherent`, `mixed_unitary`, `depolarizing`, `pauli`, `bit_flip`, `phase_flip`,
`amplitude_damping`, `phase_damping`, `phase_amplitude_damping`, `thermal_relaxation` and `reset`
make a `Channel`, with the parameters of Qiskit Aer's functions of like name; `a.then(b)` is one
after the other, `a.tensor(b)` both side by side. A `NoiseModel` says where channels act, and how
measured bits are misread. Channels and models are pytrees whose leaves are the strengths, which
JAX may trace: `jax.grad` with respect to a model is the derivative in all of its strengths.
`from_aer` converts a noise model of Qiskit Aer, `from_backend` makes one of a device's calibration.

_channels        functions that make channels
_aer             noise models of Qiskit Aer
_quantum_errors  instructions that are drawn at random -> channel
_backend         noise of a device, from its backend
"""

from qjax._noise import Channel, NoiseModel
from qjax.noise._aer import from_aer
from qjax.noise._backend import from_backend
from qjax.noise._channels import (
    amplitude_damping,
    bit_flip,
    coherent,
    depolarizing,
    kraus,
    mixed_unitary,
    pauli,
    phase_amplitude_damping,
    phase_damping,
    phase_flip,
    reset,
    thermal_relaxation,
)

__all__ = [
    "Channel",
    "NoiseModel",
    "amplitude_damping",
    "bit_flip",
    "coherent",
    "depolarizing",
    "from_aer",
    "from_backend",
    "kraus",
    "mixed_unitary",
    "pauli",
    "phase_amplitude_damping",
    "phase_damping",
    "phase_flip",
    "reset",
    "thermal_relaxation",
]
