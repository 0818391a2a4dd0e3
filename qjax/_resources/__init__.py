"""Floor 7. Circuit -> what simulating it takes, on paper: nothing is run, and no state allocated.

subject      what is simulated, by what, on how many devices
work         how much is computed: operations, passes, units of the cost models
memory       bytes that are held
traffic      bytes that devices exchange
machine      how fast a machine is, as it was measured
time         work, traffic, machine -> seconds
description  figures -> text
resources    all of it
"""

from qjax._resources.machine import MODES as MODES
from qjax._resources.machine import Machine as Machine
from qjax._resources.machine import Rates as Rates
from qjax._resources.machine import file_of_machine as file_of_machine
from qjax._resources.machine import num_threads as num_threads
from qjax._resources.machine import save_machine as save_machine
from qjax._resources.machine import typical_machine as typical_machine
from qjax._resources.resources import Resources as Resources
from qjax._resources.resources import resources as resources
from qjax._resources.subject import Subject as Subject
from qjax._resources.subject import subject as subject
from qjax._resources.time import is_parallel as is_parallel
from qjax._resources.time import units_of_call as units_of_call
from qjax._resources.work import work_of as work_of
