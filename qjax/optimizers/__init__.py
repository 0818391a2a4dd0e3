"""Floor 9. Optimizers for circuits, as transformations of optax's.

Needs optax (extra `optimizers`), so `import qjax` leaves this package out.

_natural_gradient  gradients preconditioned with the Fubini-Study metric
_spsa              steps from a few values of the loss, at first and second order
_qn_spsa           natural gradients from a few values and overlaps
_rotosolve         sweeps of exact minimisation along each weight: Rotosolve and NFT
_coordinates       frequencies of a loss in a weight -> its minimum along it
_calibration       loss and weights -> the schedules of SPSA
_gains             schedules of learning rates and perturbations
_curvature         samples of a matrix of second derivatives -> a preconditioned step
_weighted_circuit  which parameters of a circuit or network are weights
_weights           weights as optax has them <-> one vector
_transformation    optax, and the loss that an update is given
"""

from qjax.optimizers._calibration import calibrate_spsa
from qjax.optimizers._gains import PowerSeries
from qjax.optimizers._natural_gradient import natural_gradient
from qjax.optimizers._qn_spsa import qn_spsa
from qjax.optimizers._rotosolve import nft, rotosolve
from qjax.optimizers._spsa import spsa, spsa_gradient

__all__ = [
    "PowerSeries",
    "calibrate_spsa",
    "natural_gradient",
    "nft",
    "qn_spsa",
    "rotosolve",
    "spsa",
    "spsa_gradient",
]
