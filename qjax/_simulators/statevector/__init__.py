"""Floor 3. Pure states: program + parameters -> state, with reverse mode by hand.

simulation     the passes of a program, and what reverse mode keeps
product_state  what a program starts from
passes         one pass over the state, forwards, backwards and its cotangents
matrices       angles -> the matrices of a segment, all at once
lookup         entries of a bank by a table
expressions    expressions of parameters -> their values
operations     the operations of expressions
tape_loop      long expressions, by one loop over their steps
compensated    expressions in pairs of numbers of single precision
"""
