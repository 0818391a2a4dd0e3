"""Floor 0. What has to be installed: says so before any other module of the package would."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "bridge connects JAX with PyTorch, and torch is not installed: pip install 'torch>=2.9' "
        "(without a GPU, add --index-url https://download.pytorch.org/whl/cpu). `qjax` alone needs "
        "no torch",
        name="torch",
    ) from error
