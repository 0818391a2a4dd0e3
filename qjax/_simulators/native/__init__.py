"""Floor 4. Pure states on CPUs, by compiled kernels: a program is one operation, not hundreds.

library     the compiled kernels, where this machine has them
operations  the kernels as operations of JAX, with their derivatives

`program.h` says what the kernels run; `tile.h` how.
"""
