"""Floor 9. What circuits can express, and whether they train: pure, batched functions.

This module is imported by name (`import qjax.diagnostics`): `import qjax` leaves it out.

_random_parameters    values at random parameters, in parts of bounded memory
_expressibility       fidelities of random pairs of states, and how far they are from Haar's
_entanglement         Meyer-Wallach's measure, and its mean over random parameters
_gradient_variance    the variance of derivatives over random parameters
_fisher_information   classical Fisher information of a network's outputs, and its spectrum
_effective_dimension  the effective dimension of a network, global and local
_fourier              Fourier series of a model in its inputs, and the frequencies it can have
"""

from qjax.diagnostics._effective_dimension import effective_dimension, local_effective_dimension
from qjax.diagnostics._entanglement import entangling_capability, meyer_wallach
from qjax.diagnostics._expressibility import expressibility, random_fidelities
from qjax.diagnostics._fisher_information import fisher_information, fisher_spectrum
from qjax.diagnostics._fourier import (
    FourierSeries,
    fourier_coefficients,
    fourier_spectrum,
    input_frequencies,
)
from qjax.diagnostics._gradient_variance import gradient_variance

__all__ = [
    "FourierSeries",
    "effective_dimension",
    "entangling_capability",
    "expressibility",
    "fisher_information",
    "fisher_spectrum",
    "fourier_coefficients",
    "fourier_spectrum",
    "gradient_variance",
    "input_frequencies",
    "local_effective_dimension",
    "meyer_wallach",
    "random_fidelities",
]
