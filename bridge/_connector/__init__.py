"""Floor 3. Neural network in JAX -> torch.nn.Module.

module    the module
protocol  what it needs of a network
weights   one parameter, or one for each leaf of a tree
numbers   what callers hand in -> dense, real tensors
"""

from bridge._connector.module import TorchConnector as TorchConnector
