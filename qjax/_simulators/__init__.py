"""Floor 4. Simulators: plan + parameters -> state.

density_matrix  mixed states, exactly, as Pauli vectors
statevector  pure states, exactly, with reverse mode by hand
native       the same on CPUs, by compiled kernels
sharded      the same where each of several devices holds a part
state_sharding  which devices hold which part
choice       which of these, as `simulator=` says
"""

from qjax._simulators.choice import NATIVE as NATIVE
from qjax._simulators.choice import DensityMatrix as DensityMatrix
from qjax._simulators.choice import ExactSimulator as ExactSimulator
from qjax._simulators.choice import Simulator as Simulator
from qjax._simulators.choice import StateVector as StateVector
from qjax._simulators.choice import Trajectories as Trajectories
from qjax._simulators.choice import as_simulator as as_simulator
from qjax._simulators.choice import engine as engine
from qjax._simulators.choice import resolved as resolved
from qjax._simulators.density_matrix.factors import (
    MOST_QUBITS_TOGETHER as MOST_QUBITS_TOGETHER,
)
from qjax._simulators.density_matrix.factors import factors_of as factors_of
from qjax._simulators.density_matrix.shape import ScheduleShape as ScheduleShape
from qjax._simulators.density_matrix.shape import schedule_shape as schedule_shape
from qjax._simulators.density_matrix.simulation import MixedPlan as MixedPlan
from qjax._simulators.density_matrix.simulation import pauli_vector as pauli_vector
from qjax._simulators.density_matrix.simulation import plan_mixed as plan_mixed
from qjax._simulators.native.by_xla import Given as Given
from qjax._simulators.native.device_rows import as_rows as as_rows
from qjax._simulators.native.device_rows import as_tiles as as_tiles
from qjax._simulators.native.device_rows import read_tiles as read_tiles
from qjax._simulators.native.device_rows import read_tiles_back as read_tiles_back
from qjax._simulators.native.draws import draw_counts as draw_counts
from qjax._simulators.native.layout import lanes_are_samples as lanes_are_samples
from qjax._simulators.native.layout import lanes_of_rows as lanes_of_rows
from qjax._simulators.native.layout import tile_shape as tile_shape
from qjax._simulators.native.layout import tile_size as tile_size
from qjax._simulators.native.operations import native_state as native_state
from qjax._simulators.native.operations import native_values as native_values
from qjax._simulators.native.reading import NativeReading as NativeReading
from qjax._simulators.native.transpose import transposed as transposed
from qjax._simulators.sharded.exchange import LocalState as LocalState
from qjax._simulators.sharded.exchange import Way as Way
from qjax._simulators.sharded.exchange import exchange as exchange
from qjax._simulators.sharded.exchange import exchange_back as exchange_back
from qjax._simulators.sharded.exchange import moved as moved
from qjax._simulators.sharded.stages import Own as Own
from qjax._simulators.sharded.stages import Parameters as Parameters
from qjax._simulators.sharded.stages import of_device as of_device
from qjax._simulators.sharded.stages import run_stage as run_stage
from qjax._simulators.sharded.stages import undo_stage as undo_stage
from qjax._simulators.state_sharding import StateSharding as StateSharding
from qjax._simulators.statevector.matrices import gate_entries as gate_entries
from qjax._simulators.statevector.simulation import Gradient as Gradient
from qjax._simulators.statevector.simulation import angles_of as angles_of
from qjax._simulators.statevector.simulation import as_complex as as_complex
from qjax._simulators.statevector.simulation import finish as finish
from qjax._simulators.statevector.simulation import given_states as given_states
from qjax._simulators.statevector.simulation import identity_states as identity_states
from qjax._simulators.statevector.simulation import in_order as in_order
from qjax._simulators.statevector.simulation import marked as marked
from qjax._simulators.statevector.simulation import simulate as simulate
from qjax._simulators.statevector.simulation import zero_state as zero_state
