"""Floor 3. Circuit -> plan: on the host, in NumPy.

plan               what a plan is
program            what runs: a state to start from, segments of passes; or the native engine's
passes             what a pass is, as tables of numbers
matrices           what its matrices are built from
planner            circuit -> plan
full_turns         angles without the full turns that are known
frame              permutations of basis states that cost nothing
mixers             layers of RX as layers of real matrices
actions            what a gate does to basis states
placed_gates       gates in their places; those that differ per sample as phases
encoding           amplitudes to start from
repeats            layers that come again
schedule           gates -> blocks, each one matrix
factors            gates -> the factors of a step of the native engine
step_tables        steps, written as tables
steps              gates -> the steps of the native engine
matrix_tables      blocks -> tables that build their matrices
pass_tables        passes that are decided on -> their tables
builder            blocks -> segments of passes
summary            plan -> text
outline            circuit -> how large its plan is, at any width
sharding           the same where each of several devices holds a part of the state
"""

from qjax._plan.encoding import encoding_of as encoding_of
from qjax._plan.factors import unknown_gate as unknown_gate
from qjax._plan.frame import Frame as Frame
from qjax._plan.frame import canonical_frame as canonical_frame
from qjax._plan.frame import parity_mask as parity_mask
from qjax._plan.frame import sign_tables as sign_tables
from qjax._plan.matrices import Bank as Bank
from qjax._plan.matrices import Lookup as Lookup
from qjax._plan.matrices import Matrices as Matrices
from qjax._plan.matrices import Product as Product
from qjax._plan.outline import Loops as Loops
from qjax._plan.outline import Outline as Outline
from qjax._plan.outline import StepCounts as StepCounts
from qjax._plan.outline import outline_of as outline_of
from qjax._plan.outline import step_counts as step_counts
from qjax._plan.passes import Coefficients as Coefficients
from qjax._plan.passes import Dense as Dense
from qjax._plan.passes import Pass as Pass
from qjax._plan.passes import PerSample as PerSample
from qjax._plan.passes import Phases as Phases
from qjax._plan.passes import Reorder as Reorder
from qjax._plan.plan import Plan as Plan
from qjax._plan.planner import plan_circuit as plan_circuit
from qjax._plan.planner import plan_native as plan_native
from qjax._plan.program import Encoding as Encoding
from qjax._plan.program import NativeProgram as NativeProgram
from qjax._plan.program import Program as Program
from qjax._plan.program import Segment as Segment
from qjax._plan.program import Start as Start
from qjax._plan.sharding.endings import LocalString as LocalString
from qjax._plan.sharding.endings import Order as Order
from qjax._plan.sharding.layouts import Exchange as Exchange
from qjax._plan.sharding.sharded_plan import LocalStage as LocalStage
from qjax._plan.sharding.sharded_plan import ShardedPlan as ShardedPlan
from qjax._plan.sharding.sharded_plan import Wanted as Wanted
from qjax._plan.sharding.sharded_plan import fits_devices as fits_devices
from qjax._plan.sharding.sharded_plan import plan_sharded as plan_sharded
from qjax._plan.sharding.sharded_summary import bytes_sent as bytes_sent
from qjax._plan.sharding.sharded_summary import summarise_sharded as summarise_sharded
from qjax._plan.step_tables import Steps as Steps
from qjax._plan.step_tables import on_devices as on_devices
