"""Floor 8. Quantum neural networks: what users hold.

_unchanging  objects that do not change, and copies of them with other arguments
_assignment  which parameter is which input or weight
_data       what callers hand in <-> what is computed with
_interpretation  what is measured -> the output that it counts for
_model      the pure function underneath: (weights, inputs) -> outputs
_remote     a network on one of Qiskit's primitives: parameters -> angles
_stencils   where to evaluate around a point, for derivatives
_sending    the function of such a network, differentiable
_choices    what the caller chose -> such a network
_network    what all networks share: apply, init, forward, backward
_estimator  expectation values
_sampler    probabilities
_opflow     the tutorial's OpflowQNN and TwoLayerQNN, over expectation values
_sampling   the tutorial's CircuitQNN, over probabilities and samples
"""

from qjax._qnn._assignment import weight_names as weight_names
from qjax._qnn._data import check_sizes as check_sizes
from qjax._qnn._data import finished as finished
from qjax._qnn._data import prepared as prepared
from qjax._qnn._data import weight_jacobian as weight_jacobian
from qjax._qnn._data import weight_vector as weight_vector
from qjax._qnn._estimator import EstimatorQNN as EstimatorQNN
from qjax._qnn._network import NeuralNetwork as NeuralNetwork
from qjax._qnn._opflow import ComposedOp as ComposedOp
from qjax._qnn._opflow import OpflowQNN as OpflowQNN
from qjax._qnn._opflow import TwoLayerQNN as TwoLayerQNN
from qjax._qnn._sampler import SamplerQNN as SamplerQNN
from qjax._qnn._sampling import CircuitQNN as CircuitQNN
