"""Floor 3. A circuit -> what devices run that hold a part of its state each.

subspaces       linear algebra over GF(2)
row_operations  gates -> what they do to the rows of a state
layouts         which rows each device holds, and what changes that
stages          in which order it all runs, and in which layouts
wiring          parities and differences of places -> single bits
stage_circuits  a stage -> the circuit that each device runs
endings         what is read out -> where rows must stand for it
sharded_plan    all of it
sharded_summary  that, in words
"""
