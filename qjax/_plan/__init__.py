"""Floor 2. Circuit -> plan: on the host, in NumPy.

_passes        what a plan is: tables of passes over the state
_angles        expressions that share a program, as one table
_tape          long expressions, as steps of one loop
_frame         permutations of basis states that cost nothing
_actions       what a gate does to basis states
_members       gates in their places; those that differ per sample as phases
_encoding      amplitudes to start from
_cone          what an observable can see
_groups        which observables share a state
_repeats       layers that come again
_schedule      gates -> blocks, each one matrix
_matrices      blocks -> tables that build their matrices
_tables        passes that are decided on -> their tables
_builder       blocks -> segments of passes
_summary       plan -> text
_planner       circuit -> plan
"""

from qjax._plan._angles import Angle as Angle
from qjax._plan._angles import group_angles as group_angles
from qjax._plan._cone import light_cone as light_cone
from qjax._plan._frame import Frame as Frame
from qjax._plan._frame import canonical_frame as canonical_frame
from qjax._plan._frame import parity_mask as parity_mask
from qjax._plan._frame import sign_tables as sign_tables
from qjax._plan._groups import WIDE as WIDE
from qjax._plan._groups import Sight as Sight
from qjax._plan._groups import group_sights as group_sights
from qjax._plan._passes import AngleGroup as AngleGroup
from qjax._plan._passes import Angles as Angles
from qjax._plan._passes import Bank as Bank
from qjax._plan._passes import Coefficients as Coefficients
from qjax._plan._passes import Dense as Dense
from qjax._plan._passes import Encoding as Encoding
from qjax._plan._passes import Lookup as Lookup
from qjax._plan._passes import Matrices as Matrices
from qjax._plan._passes import Pass as Pass
from qjax._plan._passes import PerSample as PerSample
from qjax._plan._passes import Phases as Phases
from qjax._plan._passes import Plan as Plan
from qjax._plan._passes import Product as Product
from qjax._plan._passes import Program as Program
from qjax._plan._passes import Reorder as Reorder
from qjax._plan._passes import Segment as Segment
from qjax._plan._passes import Start as Start
from qjax._plan._passes import Tape as Tape
from qjax._plan._passes import in_precision as in_precision
from qjax._plan._passes import static as static
from qjax._plan._passes import table_class as table_class
from qjax._plan._planner import plan_circuit as plan_circuit
