"""How XLA compiles in tests, whose programs run once: most of their time goes into compiling."""

FASTER = "--xla_cpu_use_fusion_emitters=false"
"""A third less time: loops are written in LLVM's language at once, not by way of MLIR."""


def flags(num_devices: int) -> str:
    """For XLA_FLAGS of a process with so many virtual devices, before it uses JAX."""
    return f"--xla_force_host_platform_device_count={num_devices} {FASTER}"
