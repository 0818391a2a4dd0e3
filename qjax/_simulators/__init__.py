"""Floor 3. Simulators: plan + parameters -> state.

_compensated   angle expressions, right to the last digit of single precision
_linear        a linear function with a transpose of its own
_lookup        entries by a table, transposed without a scatter
_matrices      angles -> all matrices of a segment
_passes        one pass over the state, and its cotangents
_start         what comes first -> product state
_statevector   pure states
_tape          long expressions, step by step
_trigonometry  cosine and sine of many angles
_values        expressions of parameters
"""

from qjax._simulators._linear import jvp_of as jvp_of
from qjax._simulators._linear import linear_map as linear_map
from qjax._simulators._matrices import PRECISION as PRECISION
from qjax._simulators._statevector import Gradient as Gradient
from qjax._simulators._statevector import as_complex as as_complex
from qjax._simulators._statevector import finish as finish
from qjax._simulators._statevector import identity_states as identity_states
from qjax._simulators._statevector import in_order as in_order
from qjax._simulators._statevector import marked as marked
from qjax._simulators._statevector import simulate as simulate
from qjax._simulators._statevector import zero_state as zero_state
from qjax._simulators._values import all_angles as all_angles
from qjax._simulators._values import all_numbers as all_numbers
