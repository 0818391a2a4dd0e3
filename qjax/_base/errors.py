"""Floor 0. The exceptions that callers may want to tell apart."""


class UnsupportedInstructionError(ValueError):
    """A circuit holds an instruction that cannot be represented exactly."""


class CircuitTooLargeError(ValueError, MemoryError):
    """A simulation would need more memory than the machine has; raised before allocating it."""


class NoExactFormError(ValueError):
    """A dynamic circuit has more outcomes than exact results can follow."""
