"""Floor 3. Noise: channels, models of where they act, and circuits with noise in its places.

channel         a channel: its kind, and its strengths as leaves of a pytree
kinds           kinds of channels -> Kraus operators, matrices in the Pauli basis: the table
damping         kinds on one qubit: decay, dephasing, relaxation, resets
pauli_mixtures  kinds that are mixtures of Pauli strings
mixtures        mixtures of unitaries, and misread bits
misreading      Pauli strings that are read from misread bits
composed        channels of channels: one after the other, side by side
transfer        Kraus operators -> matrices in the Pauli basis
strengths       strengths as they are handed in -> as channels keep them, checked
gate_names      Qiskit's names of operations
places          qubits as they are handed in -> tuples of qubits
rules           a channel beside operations, misread measurements
model           which channels act after and before what, and what is misread
noisy_circuit   circuit, model -> circuit with channels in their places
reduced         circuit, model -> what of the model has to do with the circuit
misreadings     which measured qubits are misread by which readout error
"""

from qjax._noise.channel import Channel as Channel
from qjax._noise.misreading import strings_read as strings_read
from qjax._noise.misreading import transfer_of_misreading as transfer_of_misreading
from qjax._noise.misreadings import Misreading as Misreading
from qjax._noise.misreadings import final_misreadings as final_misreadings
from qjax._noise.misreadings import misreadings as misreadings
from qjax._noise.model import NoiseModel as NoiseModel
from qjax._noise.model import as_noise as as_noise
from qjax._noise.model import numbers_of as numbers_of
from qjax._noise.noisy_circuit import NoiseStructure as NoiseStructure
from qjax._noise.noisy_circuit import model_of as model_of
from qjax._noise.noisy_circuit import names_without_noise as names_without_noise
from qjax._noise.noisy_circuit import noisy_circuit as noisy_circuit
from qjax._noise.noisy_circuit import structure_of as structure_of
from qjax._noise.noisy_circuit import with_noise as with_noise
from qjax._noise.reduced import reduced as reduced
from qjax._noise.rules import ReadoutError as ReadoutError
from qjax._noise.rules import Rule as Rule
from qjax._noise.transfer import pauli_strings as pauli_strings
from qjax._noise.transfer import transfer_of_kraus as transfer_of_kraus
