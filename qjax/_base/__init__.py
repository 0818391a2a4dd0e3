"""Floor 0. What everything stands on: numbers, memory, devices, files, and what JAX lacks.

errors             the exceptions that callers may want to tell apart
tuning             all numbers that decide by cost, by backend
process            whether JAX can run here, or was forked
memory             refusing what does not fit into the memory that is available
mesh               arrays on several devices
placement          how samples lie on them, and what each computes of its own
arrays             what a caller hands in -> numbers that we compute with
options            what a caller chose -> checked values
progress           progress bars, where they are asked for
argument_hints     arguments that a constructor does not have -> what to write instead
name_hints         names that one looks for here -> modules, or hints
store              what was made before, bounded by bytes
compilation_cache  compiled programs that survive the process
files              files that are there only when they are complete
row_files          rows of arrays that may be larger than memory
host_call          functions of NumPy as operations of JAX
tables             frozen dataclasses that are pytrees of arrays
collection         when Python looks for cycles of garbage
linear_map         linear functions with a transpose of one's own
trigonometry       cosine and sine of many angles at once
walsh              the Walsh-Hadamard transform
weight_tree        a pytree of arrays <-> one vector
"""
