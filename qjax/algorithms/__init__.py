"""Floor 11. Networks and kernels as estimators of scikit-learn's.

Needs scikit-learn and optax (extra `algorithms`), so `import qjax` leaves this package out.
"""

__all__: list[str] = []
