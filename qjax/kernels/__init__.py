"""Floor 10. Quantum kernels: Gram matrices of states and of expectation values.

This module is imported by name (`import qjax.kernels`): `import qjax` leaves it out.
"""

__all__: list[str] = []
