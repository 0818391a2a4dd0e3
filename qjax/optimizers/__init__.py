"""Floor 9. Optimizers for circuits, as transformations of optax's.

Needs optax (extra `optimizers`), so `import qjax` leaves this package out.

_natural_gradient  gradients preconditioned with the Fubini-Study metric
"""

from qjax.optimizers._natural_gradient import natural_gradient

__all__ = ["natural_gradient"]
