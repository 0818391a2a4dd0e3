"""Floor 3. Neural network in JAX -> torch.nn.Module.

module       the module
protocol     the public name of what it needs of a network
network      whether a network has that
application  the network's function on tensors
inputs       their shape, and the dtypes to compute in
padding      a few sizes of batches, for all
weights      one parameter, or one for each leaf of a tree
numbers      what callers hand in -> dense, real tensors
"""

from bridge._connector.module import TorchConnector as TorchConnector
