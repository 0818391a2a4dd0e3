"""Floor 7. Noisy values -> estimates of those without noise."""

__all__: list[str] = []
