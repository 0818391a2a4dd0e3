"""Floor 9. Qiskit's primitives, version 2, on this engine: exact values, and samples of them.

Programs written for `StatevectorEstimator` and `StatevectorSampler` run on these unchanged. All
parameter sets of a pub, whatever their shape, are simulated by one call of a compiled program, and
so are those of pubs in a row that ask for the same. With `noise=` results are those of a device.
This module is imported by name (`import qjax.primitives`): `import qjax` leaves it out.

_requests   pubs -> what is asked of the engine, and jobs that answer it
_runs       the same where values are means over runs: `Trajectories`
_strengths  noise model <-> one vector, as programs are told of it
_estimator  expectation values, and the noise on them
_outcomes   what pubs measure: samples, or how those are distributed
_sampler    samples of classical registers, or their exact probabilities
"""

from qjax._base import name_hints
from qjax._qiskit import Distribution
from qjax.primitives._estimator import Estimator
from qjax.primitives._sampler import Sampler

__getattr__ = name_hints.find_primitive

__all__ = ["Distribution", "Estimator", "Sampler"]
