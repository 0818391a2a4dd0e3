"""Floor 9. Loss, weights, optimizer -> trained weights: the loop is one compiled program.

`minimize` trains one model, `minimize_many` many of one architecture at once: grids of numbers,
seeds, folds. Any loss in JAX will do, with optimizers of optax's or `qjax.optimizers`.

This module is imported by name (`import qjax.training`): `import qjax` leaves it out.

_minimize     losses, weights and data -> trained weights: what users call
_runs         chunks of the compiled program, one after the other, and what happens between them
_program      the compiled program: a chunk of steps of one run, or of many under `vmap`
_loss         what a loss takes, by its signature
_sampling     which rows of the data a step sees
_plateau      when a training has converged
_stepper      optimizers, and what each of them wants to know of a step
_data         what a training is to see -> checked arrays
_arguments    all else that a caller handed in -> checked arguments
"""

from qjax.training._minimize import minimize, minimize_many
from qjax.training._plateau import Plateau
from qjax.training._runs import Progress, Trained

__all__ = ["Plateau", "Progress", "Trained", "minimize", "minimize_many"]
