"""Floor 7. Noise model -> the same with other strengths."""

from qjax._noise import NoiseModel


def scaled(model: NoiseModel, factor: float) -> NoiseModel:
    raise NotImplementedError
