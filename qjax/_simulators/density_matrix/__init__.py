"""Floor 4. Density matrices, exactly: real vectors in the Pauli basis.

factors     operations -> the superoperators that blocks are products of
blocks      superoperators on neighbouring places -> blocks, and the order in which they act
transfer    angles, channels -> matrices in the Pauli basis
matrices    those -> the matrices of all blocks, at once
start       the product state that a plan starts from
passes      blocks on a Pauli vector, by XLA
native      the same by the compiled kernels
shape       superoperators -> how many blocks there are, and how wide
simulation  plan, parameters -> Pauli vector
"""
