"""Floor 5. Ways to represent states: what `simulator=` takes. Frozen values, equal by value.

`StateVector(engine=None, sharding=None)`: pure states, by the engine "native" (compiled kernels, on
CPUs) or "xla"; None chooses. `statevector`, `expectation`, `probabilities`, `sample`, `plan` and
networks take one:

    qjax.expectation(circuit, "ZZ", params, simulator=qjax.simulators.StateVector("xla"))

With `sharding=qjax.StateSharding(mesh, state=..., batch=...)`, each of several devices holds a part
of every state, or of a batch, or both.

`DensityMatrix()`: mixed states, exactly, with noise. `Trajectories(samples)`: runs of the circuit
with noise drawn at random, where density matrices do not fit: means over runs, drawn with a key,
with unbiased derivatives; `estimate` and `qjax.primitives.Estimator` tell their standard errors
too. Both are taken by kernels and primitives as well. Noise that does nothing but misread bits
leaves states pure.
"""

from qjax._simulators import DensityMatrix, StateVector, Trajectories

__all__ = ["DensityMatrix", "StateVector", "Trajectories"]
