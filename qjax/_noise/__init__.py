"""Floor 3. Noise: channels, models of where they act, and circuits with noise in its places.

channel         a channel: its kind, and its strengths as leaves of a pytree
kinds           kinds of channels -> Kraus operators, matrices in the Pauli basis: the table
damping         kinds on one qubit: decay, dephasing, relaxation, resets
pauli_mixtures  kinds that are mixtures of Pauli strings
mixtures        mixtures of unitaries, and misread bits
misreading      Pauli strings that are read from misread bits
composed        channels of channels: one after the other, side by side
transfer        Kraus operators -> matrices in the Pauli basis
model           which channels act after, before and instead of what
noisy_circuit   circuit, model -> circuit with channels in their places
"""

from qjax._noise.channel import Channel as Channel
from qjax._noise.model import NoiseModel as NoiseModel
from qjax._noise.model import ReadoutError as ReadoutError
from qjax._noise.model import Rule as Rule
from qjax._noise.model import as_noise as as_noise
from qjax._noise.model import numbers_of as numbers_of
from qjax._noise.noisy_circuit import NoiseStructure as NoiseStructure
from qjax._noise.noisy_circuit import model_of as model_of
from qjax._noise.noisy_circuit import noisy_circuit as noisy_circuit
from qjax._noise.noisy_circuit import structure_of as structure_of
from qjax._noise.noisy_circuit import with_noise as with_noise
from qjax._noise.transfer import pauli_strings as pauli_strings
from qjax._noise.transfer import transfer_of_kraus as transfer_of_kraus
