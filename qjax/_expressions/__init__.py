"""Floor 1. Real functions of parameters as data, and their values, many at once.

expression   an expression: a postfix program over parameters and constants
graph        expressions while they are made
group        expressions that share a program, as one table
tables       any expressions -> tables
tape         long expressions, as steps of one loop
operations   the operations of expressions, on arrays
compensated  the same on pairs of numbers of single precision
tape_loop    tape -> values, by one loop over its steps
evaluation   tables, parameters -> values
"""

from qjax._expressions.evaluation import all_angles as all_angles
from qjax._expressions.evaluation import all_numbers as all_numbers
from qjax._expressions.evaluation import reduced_angles as reduced_angles
from qjax._expressions.expression import AWAY as AWAY
from qjax._expressions.expression import BINARY as BINARY
from qjax._expressions.expression import CONSTANT as CONSTANT
from qjax._expressions.expression import NEAR as NEAR
from qjax._expressions.expression import NEAR_POWER as NEAR_POWER
from qjax._expressions.expression import PARAMETER as PARAMETER
from qjax._expressions.expression import RECALL as RECALL
from qjax._expressions.expression import UNARY as UNARY
from qjax._expressions.expression import Expression as Expression
from qjax._expressions.expression import as_expression as as_expression
from qjax._expressions.expression import check_program as check_program
from qjax._expressions.expression import compose as compose
from qjax._expressions.expression import constant as constant
from qjax._expressions.expression import evaluate_expression as evaluate_expression
from qjax._expressions.expression import parameter as parameter
from qjax._expressions.graph import Graph as Graph
from qjax._expressions.group import ExpressionGroup as ExpressionGroup
from qjax._expressions.group import group_of as group_of
from qjax._expressions.tables import ExpressionTable as ExpressionTable
from qjax._expressions.tables import Value as Value
from qjax._expressions.tables import expression_tables as expression_tables
