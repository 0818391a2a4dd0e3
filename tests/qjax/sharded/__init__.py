"""States of which several devices hold a part each, beside states on one: run by `test_sharded.py`.

circuits    random circuits of every gate, in both engines and precisions
functions   ansaetze, networks, kernels, dynamic circuits and other uses, each once
transforms  the user's own transformations around them
programs    what the compiled programs hold: collectives, bytes, memory
bars        how many circuits there are, and what errors may be
__main__    all of it, in one process with eight virtual devices
processes   the same in one of two processes: run by `test_sharded_processes.py`

Comparisons are pairs of a name and the largest error; nothing here runs when it is imported.
"""
