"""Floor 3. Simulators: plan + parameters -> state.

_permutation   a permutation of rows whose transpose is the inverse permutation
_statevector   pure states
"""

from qjax._simulators._permutation import permute_rows as permute_rows
from qjax._simulators._statevector import PRECISION as PRECISION
from qjax._simulators._statevector import apply_matrix as apply_matrix
from qjax._simulators._statevector import identity_states as identity_states
from qjax._simulators._statevector import simulate as simulate
from qjax._simulators._statevector import zero_state as zero_state
