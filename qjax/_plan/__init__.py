"""Floor 2. Circuit -> execution plan: host side, NumPy, once per circuit.

_steps     what a plan is: the one data type on which planner and executor meet
_angles    expressions that share a program -> one table
_repeats   repeated layers -> one body that runs many times
_fusion    gates -> blocks, each one pass over the state
_tables    blocks -> steps on the leading qubits, with index tables for their matrices
_planner   all of it together
"""

from qjax._plan._planner import plan_circuit as plan_circuit
from qjax._plan._steps import AngleGroup as AngleGroup
from qjax._plan._steps import Dense as Dense
from qjax._plan._steps import GateBank as GateBank
from qjax._plan._steps import Monomial as Monomial
from qjax._plan._steps import Plan as Plan
from qjax._plan._steps import Product as Product
from qjax._plan._steps import Segment as Segment
from qjax._plan._steps import Step as Step
