"""Floor 4. Pure states: program + parameters -> state, with reverse mode by hand.

simulation     the passes of a program, and what reverse mode keeps
product_state  what a program starts from
operands       values of tables -> what each pass takes
passes         one pass over the state, forwards, backwards and its cotangents
matrices       angles -> the matrices of a segment, all at once
lookup         entries of a bank by a table
"""
