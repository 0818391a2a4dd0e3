"""Floor 4. Pure states of which each device holds a part.

exchange   what devices send each other
stages     what each of them does between exchanges, and undoes
"""
