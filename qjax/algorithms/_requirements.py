"""Floor 11. What has to be installed: says so before any other module of the package would."""

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        "qjax.algorithms needs the package scikit-learn: install qjax-bridge with the extra "
        "algorithms, pip install 'qjax-bridge[algorithms]'",
        name="sklearn",
    ) from error
