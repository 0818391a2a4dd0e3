"""Floor 8. Quantum neural networks: what users hold.

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

from qjax._qnn._estimator import EstimatorQNN as EstimatorQNN
from qjax._qnn._network import NeuralNetwork as NeuralNetwork
from qjax._qnn._opflow import ComposedOp as ComposedOp
from qjax._qnn._opflow import OpflowQNN as OpflowQNN
from qjax._qnn._opflow import TwoLayerQNN as TwoLayerQNN
from qjax._qnn._sampler import SamplerQNN as SamplerQNN
from qjax._qnn._sampling import CircuitQNN as CircuitQNN
