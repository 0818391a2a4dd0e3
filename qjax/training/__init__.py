"""Floor 9. Loss, weights, optimizer -> trained weights: the loop is one compiled program.

This module is imported by name (`import qjax.training`): `import qjax` leaves it out.
"""

__all__: list[str] = []
