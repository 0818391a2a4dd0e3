"""Floor 8. Quantum neural networks: what users hold.

network               what all networks share: apply, init, forward, backward
description           what can be asked of a network: circuit, sizes, plan, primitive
estimator_qnn         expectation values
sampler_qnn           probabilities
opflow_qnn            the tutorial's OpflowQNN and TwoLayerQNN, over expectation values
circuit_qnn           the tutorial's CircuitQNN, over probabilities and samples
parametrized_circuit  a circuit, its inputs and weights: what networks and kernels share
parameter_roles       which parameter is which input or weight
data                  what callers hand in <-> what is computed with
randomness            keys and seeds of networks whose outputs are drawn
interpretation        what is measured -> the output that it counts for
unchanging            objects that do not change, and copies of them with other arguments
namesakes             our classes as subclasses of Qiskit Machine Learning's classes
protocol              what evaluation, saving and torch need of a network
evaluation            more samples than fit into memory
saving                network <-> file
saved_network         a network that was read from a file
file_format           (header, program) <-> bytes that know whether they are whole
file_header           what is saved beside a program
exported_program      a program that JAX exported <-> bytes
weight_tree_json      the structure of weights <-> JSON
"""

from qjax._networks.circuit_qnn import CircuitQNN as CircuitQNN
from qjax._networks.data import check_defined as check_defined
from qjax._networks.estimator_qnn import EstimatorQNN as EstimatorQNN
from qjax._networks.evaluation import evaluate as evaluate
from qjax._networks.namesakes import register_namesakes as register_namesakes
from qjax._networks.network import NeuralNetwork as NeuralNetwork
from qjax._networks.opflow_qnn import ComposedOp as ComposedOp
from qjax._networks.opflow_qnn import OpflowQNN as OpflowQNN
from qjax._networks.opflow_qnn import TwoLayerQNN as TwoLayerQNN
from qjax._networks.parameter_roles import Parameters as Parameters
from qjax._networks.parameter_roles import WeightParameters as WeightParameters
from qjax._networks.parameter_roles import make_model as make_model
from qjax._networks.parameter_roles import unpacked as unpacked
from qjax._networks.parametrized_circuit import ParametrizedCircuit as ParametrizedCircuit
from qjax._networks.protocol import Network as Network
from qjax._networks.protocol import way_from_qiskit_ml as way_from_qiskit_ml
from qjax._networks.randomness import key_of_seed as key_of_seed
from qjax._networks.sampler_qnn import SamplerQNN as SamplerQNN
from qjax._networks.saved_network import SavedNetwork as SavedNetwork
from qjax._networks.saving import export as export
from qjax._networks.saving import load as load
