"""Floor 0. The version of this package; its metadata are made of it."""

__version__ = "0.1.0"
