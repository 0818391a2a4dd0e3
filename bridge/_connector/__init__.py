"""Floor 3. Neural network in JAX -> torch.nn.Module.

module       the module
network      what it needs of a neural network
application  the network's function on tensors
inputs       their shape, and the dtypes to compute in
weights      one parameter, or one for each leaf of a tree
numbers      what callers hand in -> dense, real tensors
"""

from bridge._connector.module import TorchConnector as TorchConnector
from bridge._connector.network import NeuralNetwork as NeuralNetwork
