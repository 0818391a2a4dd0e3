"""Floor 7. Networks whose values come from one of Qiskit's primitives.

network    what such a network is: parameters -> angles
stencils   where to evaluate around a point, for derivatives
outputs    the function of such a network, differentiable
arguments  what the caller chose -> such a network
noise      the interface of primitives on this engine: exact values, then noise that they draw
runs       such primitives whose values are means over runs
"""

from qjax._remote.arguments import on_estimator as on_estimator
from qjax._remote.arguments import on_sampler as on_sampler
from qjax._remote.arguments import refuse_beside as refuse_beside
from qjax._remote.arguments import refuse_settings as refuse_settings
from qjax._remote.arguments import without_primitive as without_primitive
from qjax._remote.network import CircuitCount as CircuitCount
from qjax._remote.network import Remote as Remote
from qjax._remote.network import moving_groups as moving_groups
from qjax._remote.noise import Blurred as Blurred
from qjax._remote.noise import simulated as simulated
from qjax._remote.outputs import remote_backward as remote_backward
from qjax._remote.outputs import remote_forward as remote_forward
from qjax._remote.outputs import remote_outputs as remote_outputs
from qjax._remote.outputs import sent_rows as sent_rows
from qjax._remote.stencils import stencil_size as stencil_size
