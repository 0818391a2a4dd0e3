"""Floor 7. Noisy values -> estimates of those without noise.

Plain functions of numbers: they take what a simulation or a device returned, and are differentiable
in values and strengths.

_readout        misread bits: frequencies and expectation values as true bits would give them
_misreadings    noise model or calibration matrix -> what happens to which bits
_string_values  expectation values of Pauli strings, read from misread bits
_frequencies    counts, samples or probabilities -> relative frequencies; the nearest distribution
_calibration    circuits that prepare known bits, and the matrix from their counts
_extrapolation  values at several strengths of noise -> the value without noise
_scaling        noise model -> the same with other strengths
_folding        circuit -> a longer one that does the same, and takes more noise
"""

from qjax.mitigation._calibration import calibration_circuits, calibration_matrix
from qjax.mitigation._extrapolation import extrapolate, zero_noise_extrapolation
from qjax.mitigation._folding import fold
from qjax.mitigation._frequencies import nearest_distribution
from qjax.mitigation._readout import readout
from qjax.mitigation._scaling import scaled

__all__ = [
    "calibration_circuits",
    "calibration_matrix",
    "extrapolate",
    "fold",
    "nearest_distribution",
    "readout",
    "scaled",
    "zero_noise_extrapolation",
]
