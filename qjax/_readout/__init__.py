"""Floor 5. State -> probabilities, samples, expectation values.

measurement          probabilities, and draws from them
pauli_vector         density matrix -> probabilities, expectation values
shot_frequencies     how often each outcome came, of so many shots
means                means over runs, and their errors
tables               observables -> the tables by which they are read out
string_tables        Pauli strings -> the tables by which they are read out
dense_sums           observables that are read out as matrices
expanded_projectors  projectors -> Pauli strings, where this is cheap
expectations         state -> expectation values
pauli_strings        strings on states, without their matrices
signed_sums          sums with the signs of strings of Z
native_readings      what kernels are told of what is read out
"""

from qjax._readout.expectations import expectation_values as expectation_values
from qjax._readout.expectations import sums_of_strings as sums_of_strings
from qjax._readout.means import means_and_errors as means_and_errors
from qjax._readout.measurement import bits_of as bits_of
from qjax._readout.measurement import check_shots as check_shots
from qjax._readout.measurement import check_shots_fit as check_shots_fit
from qjax._readout.measurement import choices_of as choices_of
from qjax._readout.measurement import draw_states as draw_states
from qjax._readout.measurement import in_parts as in_parts
from qjax._readout.measurement import marginal as marginal
from qjax._readout.measurement import probabilities_of as probabilities_of
from qjax._readout.native_readings import native_outcomes as native_outcomes
from qjax._readout.native_readings import native_strings as native_strings
from qjax._readout.pauli_vector import MixedReading as MixedReading
from qjax._readout.pauli_vector import matrix_of as matrix_of
from qjax._readout.pauli_vector import mixed_expectations as mixed_expectations
from qjax._readout.pauli_vector import mixed_probabilities as mixed_probabilities
from qjax._readout.pauli_vector import mixed_reading as mixed_reading
from qjax._readout.pauli_vector import sums_of_values as sums_of_values
from qjax._readout.shot_frequencies import frequencies_of as frequencies_of
from qjax._readout.tables import Reading as Reading
from qjax._readout.tables import reading_of as reading_of
