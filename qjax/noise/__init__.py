"""Floor 5. Noise channels and models: what `noise=` takes."""

from qjax._noise import Channel, NoiseModel

__all__ = ["Channel", "NoiseModel"]
