"""Floor 6. (circuit, parameters) -> what is read out: compiled, differentiated, batched.

task            what is asked of a circuit
views           observables -> the parts of a circuit to simulate for them, by light cones
stacks          the tables and compiled functions that run for a task
executor        the structure of a plan -> the compiled function
execution       task, parameters -> what is read out; adjoint or backprop, and what it takes
directions      what derivatives take in memory, and how many side by side fit
derivatives     a simulation and its derivatives as operations of JAX
batching        those operations, mapped over a batch
primitive       the rules of those operations
sharded_program  a task -> what devices run that hold a part of each state
sharded_states  what each of them computes, forwards and backwards
sharded         that, with its derivatives
misread_readouts  exact readouts -> what is read where bits are misread
misread         the same of pure states, read so
mixed_task      what is asked of a noisy circuit -> the density matrices for it
mixed           those, compiled
simulator_choice  what simulates a circuit with noise
runs            the states of many runs of a circuit
noise_blocks    gates and noise -> blocks that act on the same few qubits
block_matrices  gates, channels -> matrices on a block, and what is drawn
block_states    matrices of blocks, one for each run, on states, by XLA
block_runs      blocks on the states of all runs, and what is drawn: a kernel, or a loop of XLA
jumps           gates and noise on the states of many runs, by quantum jumps
noisy_steps     noise in some runs of a circuit, misread bits included
trajectories    dynamic and noisy circuits, run by run
noisy_runs      means over those runs, with errors and derivatives
drawn_bits      what is measured in each of those runs
drawn           tasks whose values are such means
estimates       means of observables over runs without noise
unitary         circuit -> its matrix
model_tasks     what a network computes, and what is simulated for it
model           the pure function of a network: (weights, inputs) -> outputs
measured        task -> what is measured for it, and how that is read out
shifts          where a task is evaluated, for derivatives from values
shots           what so many shots would say, with derivatives
padding         batch sizes -> a few sizes
"""

from qjax._engine.derivatives import of_moving as of_moving
from qjax._engine.drawn import DrawnTask as DrawnTask
from qjax._engine.drawn import check_alone as check_alone
from qjax._engine.drawn import check_key_of as check_key_of
from qjax._engine.drawn import compiled_drawn as compiled_drawn
from qjax._engine.drawn import plan_of_drawn as plan_of_drawn
from qjax._engine.drawn_bits import circuit_of_bits as circuit_of_bits
from qjax._engine.estimates import compiled_estimate as compiled_estimate
from qjax._engine.estimates import runs_at_once as runs_at_once
from qjax._engine.execution import chosen_gradient as chosen_gradient
from qjax._engine.measured import run_task as run_task
from qjax._engine.measured import task_for as task_for
from qjax._engine.misread import MisreadTask as MisreadTask
from qjax._engine.misread import compiled_misread as compiled_misread
from qjax._engine.misread import measured_task as measured_task
from qjax._engine.misread import misread_task as misread_task
from qjax._engine.misread import plan_of_misread as plan_of_misread
from qjax._engine.mixed import compiled_mixed as compiled_mixed
from qjax._engine.mixed import mixed_values as mixed_values
from qjax._engine.mixed import plan_of_mixed as plan_of_mixed
from qjax._engine.mixed_task import Densities as Densities
from qjax._engine.mixed_task import MeasuredBits as MeasuredBits
from qjax._engine.mixed_task import MixedTask as MixedTask
from qjax._engine.mixed_task import deferred_with_noise as deferred_with_noise
from qjax._engine.mixed_task import mixed_program as mixed_program
from qjax._engine.model import compiled_draws as compiled_draws
from qjax._engine.model import compiled_jacobians as compiled_jacobians
from qjax._engine.model import compiled_outputs as compiled_outputs
from qjax._engine.model import is_sharded as is_sharded
from qjax._engine.model import outputs as outputs
from qjax._engine.model import statistics as statistics
from qjax._engine.model_tasks import Model as Model
from qjax._engine.model_tasks import NetworkReadout as NetworkReadout
from qjax._engine.model_tasks import Probabilities as Probabilities
from qjax._engine.model_tasks import check_simulated as check_simulated
from qjax._engine.model_tasks import num_simulated_of as num_simulated_of
from qjax._engine.model_tasks import plan_of_model as plan_of_model
from qjax._engine.model_tasks import plan_of_task as plan_of_task
from qjax._engine.model_tasks import sampled_task_of as sampled_task_of
from qjax._engine.model_tasks import task_of as task_of
from qjax._engine.noisy_runs import Statistics as Statistics
from qjax._engine.noisy_runs import amplitudes_at_once as amplitudes_at_once
from qjax._engine.noisy_runs import noisy_means as noisy_means
from qjax._engine.noisy_runs import noisy_runs as noisy_runs
from qjax._engine.padding import padded_size as padded_size
from qjax._engine.primitive import run as run
from qjax._engine.shifts import check_shifts as check_shifts
from qjax._engine.shots import Sampling as Sampling
from qjax._engine.shots import Shots as Shots
from qjax._engine.shots import as_rule as as_rule
from qjax._engine.shots import as_sampling as as_sampling
from qjax._engine.shots import compiled_estimates as compiled_estimates
from qjax._engine.shots import compiled_shots as compiled_shots
from qjax._engine.shots import run_with_shots as run_with_shots
from qjax._engine.simulator_choice import with_simulator as with_simulator
from qjax._engine.task import Expectations as Expectations
from qjax._engine.task import Outcomes as Outcomes
from qjax._engine.task import Readout as Readout
from qjax._engine.task import States as States
from qjax._engine.task import Task as Task
from qjax._engine.task import as_gradient as as_gradient
from qjax._engine.task import num_simulated as num_simulated
from qjax._engine.task import outcomes_of as outcomes_of
from qjax._engine.task import plan_of as plan_of
from qjax._engine.trajectories import follow as follow
from qjax._engine.unitary import compiled_unitary as compiled_unitary
