"""Floor 5. Ways to represent states: what `simulator=` takes. Frozen values, equal by value.

`StateVector(engine=None)`: pure states, by the engine "native" (compiled kernels, on CPUs) or
"xla"; None chooses. `statevector`, `expectation`, `probabilities`, `sample`, `plan` and networks
take one:

    qjax.expectation(circuit, "ZZ", params, simulator=qjax.simulators.StateVector("xla"))
"""

from qjax._simulators import DensityMatrix, StateVector, Trajectories

__all__ = ["DensityMatrix", "StateVector", "Trajectories"]
