"""Floor 3. What the connector needs of a network: the protocol that `qjax` has."""

import sys


def find(name: str) -> type:
    """`bridge.NeuralNetwork`, another name of `qjax.Network`; `qjax` is imported now.

    Raises:
        AttributeError: for any other name.
    """
    if name == "NeuralNetwork":
        from qjax import Network  # noqa: PLC0415 - torch functions need no qjax

        return Network
    raise AttributeError(
        f"module 'bridge' has no attribute {name!r}", name=name, obj=sys.modules["bridge"]
    )
