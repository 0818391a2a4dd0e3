"""Floor 2. Circuits and observables as data, and what can be said of them without simulating.

gates              names -> matrices: the table to add a gate to
inverses           gates -> what undoes them
operations         gates in their places, measurements, amplitudes
channels           noise in its places
circuit            operations, in order
checks             whether an operation fits a circuit
classical          classical expressions of dynamic circuits
classical_types    what classical operations take and give
control_flow       switches and loops
measurements       which bits are measured, and when
observable         sums of Pauli strings, dense matrices
light_cone         which gates and qubits an observable depends on; the others are left out
dependence         what qubits depend on
observable_groups  which observables share a state
commuting_groups   which terms are read out of the same shots
shift_rules        frequencies of gates -> shift rules
free_angles        a parameter for each angle
frequencies        the frequencies of expectation values in each parameter
known_values       known numbers that have no meaning
domain             numbers that an expression has no value for
slopes             points where an angle has no slope
"""
