"""Floor 4. Pure states on CPUs, by compiled kernels: a program is one operation, not hundreds.

layout      what lies in the lanes of a vector
library     the compiled kernels, where this machine has them
primitive   a kernel as a primitive of JAX, and XLA's way where there is none
reading     what they read out of a state
operations  what kernels compute, with its derivatives
device_rows  what one of several devices does to the rows that it holds
transpose   small matrices, transposed
draws       how many of so many shots had each outcome
by_xla      the same by the passes of XLA's engine

`program.h` says what the kernels run; `tile.h` how, in the sweeps of `sweeps.h`. The environment
variable QJAX_NATIVE_ISA, "avx2" or "baseline", has tests run those that other machines use.
"""
