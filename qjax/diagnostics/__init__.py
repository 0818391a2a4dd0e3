"""Floor 9. What circuits can express, and whether they train: pure, batched functions.

This module is imported by name (`import qjax.diagnostics`): `import qjax` leaves it out.
"""

__all__: list[str] = []
