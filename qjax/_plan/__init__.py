"""Floor 2. Circuit -> plan: on the host, in NumPy.

program            what a plan is: tables of passes over the state
planner            circuit -> plan
full_turns         angles without the full turns that are known
expression_tables  expressions that share a program, as one table
tape               long expressions, as steps of one loop
frame              permutations of basis states that cost nothing
actions            what a gate does to basis states
placed_gates       gates in their places; those that differ per sample as phases
encoding           amplitudes to start from
repeats            layers that come again
schedule           gates -> blocks, each one matrix
matrix_tables      blocks -> tables that build their matrices
pass_tables        passes that are decided on -> their tables
builder            blocks -> segments of passes
summary            plan -> text
"""

from qjax._plan.expression_tables import Value as Value
from qjax._plan.expression_tables import expression_tables as expression_tables
from qjax._plan.frame import Frame as Frame
from qjax._plan.frame import canonical_frame as canonical_frame
from qjax._plan.frame import parity_mask as parity_mask
from qjax._plan.frame import sign_tables as sign_tables
from qjax._plan.planner import plan_circuit as plan_circuit
from qjax._plan.program import Bank as Bank
from qjax._plan.program import Coefficients as Coefficients
from qjax._plan.program import Dense as Dense
from qjax._plan.program import Encoding as Encoding
from qjax._plan.program import ExpressionGroup as ExpressionGroup
from qjax._plan.program import ExpressionTable as ExpressionTable
from qjax._plan.program import Lookup as Lookup
from qjax._plan.program import Matrices as Matrices
from qjax._plan.program import Pass as Pass
from qjax._plan.program import PerSample as PerSample
from qjax._plan.program import Phases as Phases
from qjax._plan.program import Plan as Plan
from qjax._plan.program import Product as Product
from qjax._plan.program import Program as Program
from qjax._plan.program import Reorder as Reorder
from qjax._plan.program import Segment as Segment
from qjax._plan.program import Start as Start
from qjax._plan.program import Tape as Tape
from qjax._plan.program import in_precision as in_precision
from qjax._plan.program import static as static
from qjax._plan.program import table_class as table_class
