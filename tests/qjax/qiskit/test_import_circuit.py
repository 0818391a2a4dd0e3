"""What `import qjax` costs and what it leaves alone."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qjax
from qjax import primitives
from qjax._base import name_hints

HEAVY = (
    "torch", "matplotlib", "qiskit_aer", "qiskit_machine_learning", "sklearn", "bridge", "optax",
    "tqdm", "qjax.primitives", "qjax.optimizers",
)  # fmt: skip


def run(code: str) -> str:
    """What a fresh interpreter prints, with warnings as errors."""
    command = [sys.executable, "-W", "error::DeprecationWarning:qjax", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_import_has_no_side_effects() -> None:
    """No torch, no change of JAX's settings, no device touched."""
    code = f"""
import sys
import jax
before = dict(jax.config.values)
import qjax
print([name for name in {HEAVY} if name in sys.modules])
print({{name for name, value in jax.config.values.items() if before[name] != value}} or "same")
print(jax.numpy.zeros(1).dtype)
"""
    assert run(code).splitlines() == ["[]", "same", "float32"]


def test_use_changes_no_global_setting() -> None:
    code = """
import jax
import numpy as np
import qjax
from qiskit import QuantumCircuit
before = dict(jax.config.values)
circuit = QuantumCircuit(1)
circuit.rx(0.3, 0)
with jax.enable_x64(True):
    print(qjax.statevector(circuit).dtype)
print(qjax.statevector(circuit).dtype)
print({name for name, value in jax.config.values.items() if before[name] != value} or "same")
"""
    assert run(code).splitlines() == ["complex128", "complex64", "same"]


NAMES = [
    "AmplitudeEncoding",
    "Circuit",
    "CircuitCount",
    "Network",
    "Plan",
    "UnsupportedInstructionError",
    "apply_gate",
    "expectation",
    "from_qasm",
    "from_qiskit",
    "probabilities",
    "sample",
    "statevector",
    "to_qiskit",
    "unitary",
]


def test_public_names_are_there_and_documented() -> None:
    code = f"import qjax; print([n for n in {NAMES} if not getattr(qjax, n).__doc__])"
    assert run(code) == "[]"


def test_every_public_name_has_a_docstring_of_its_own() -> None:
    code = """
import qjax, qjax.operations
for module in (qjax, qjax.operations):
    for name in module.__all__:
        held = getattr(module, name)
        text = (held.__doc__ or "") if callable(held) else "a constant"
        if not text or text.startswith(f"{name}("):
            print(name)
"""
    assert run(code) == ""


def test_error_is_a_value_error() -> None:
    code = "import qjax; print(issubclass(qjax.UnsupportedInstructionError, ValueError))"
    assert run(code) == "True"


LAZY = (
    "algorithms",
    "diagnostics",
    "gradients",
    "kernels",
    "operations",
    "optimizers",
    "primitives",
    "simulators",
    "training",
)


def test_public_modules_are_imported_when_they_are_asked_for() -> None:
    code = f"""
import sys
import qjax
print([name for name in qjax.__dir__() if name in {LAZY}])
print(qjax.operations.parameter(0).parameters)
print(qjax.gradients.SPSA().epsilon, qjax.primitives.Sampler(default_shots=3).default_shots)
print("optax" in sys.modules)
print(qjax.optimizers.natural_gradient.__name__, "optax" in sys.modules)
from qjax import primitives
print(primitives is qjax.primitives is sys.modules["qjax.primitives"])
"""
    expected = [
        str(list(LAZY)),
        "(0,)",
        "0.1 3",
        "False",
        "natural_gradient True",
        "True",
    ]
    assert run(code).splitlines() == expected


def test_version_is_that_of_the_package() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert 'input = "qjax/_version.py"' in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", qjax.__version__)
    assert qjax.__version__ == importlib.metadata.version("qjax-bridge")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("VQC", r"from qjax\.algorithms import VQC"),
        ("VQR", r"from qjax\.algorithms import VQR"),
        ("QSVC", r"from qjax\.algorithms import QSVC"),
        ("PegasosQSVC", r"quantum_kernel=qjax\.kernels\.FidelityKernel\(circuit\)"),
        ("FidelityQuantumKernel", "from qjax.kernels import FidelityKernel"),
        ("TrainableFidelityQuantumKernel", "its trained parameters as weight_params"),
        ("NeuralNetworkClassifier", r"from qjax\.algorithms import NeuralNetworkClassifier"),
        ("TrainableModel", "takes networks of qjax as they are"),
        ("algorithm_globals", r"JAX's keys.*torch.manual_seed"),
        ("TorchConnector", "from bridge import TorchConnector"),
        ("QuantumInstance", "estimator= or sampler="),
        ("StatevectorSampler", "from qjax.primitives import Sampler"),
        ("ParamShiftEstimatorGradient", "leave gradient= out"),
        ("SPSASamplerGradient", r"qjax.gradients.SPSA\(...\)"),
        ("raw_feature_vector", "qjax.AmplitudeEncoding"),
        ("ZZFeatureMap", "from qiskit.circuit.library import ZZFeatureMap"),
        ("ParameterVector", "from qiskit.circuit import ParameterVector"),
        ("natural_gradient", "from qjax.optimizers import natural_gradient"),
        ("StateFn", "qjax.ComposedOp"),
        ("CrossEntropyLoss", r"utils\.loss_functions import CrossEntropyLoss, .* optax\.losses"),
        ("UMDA", r"optimizers import UMDA, or an optimizer of optax or torch"),
        ("QuantumKernel", "from qjax.kernels import FidelityKernel"),
        ("QuantumKernelTrainer", r"kernels\.algorithms import QuantumKernelTrainer"),
        ("VQE", r"qjax\.expectation"),
        ("Gate", r"from qjax\.operations import Gate"),
    ],
)
def test_names_of_others_tell_the_way(name: str, way: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'qjax' has no attribute '{name}': .*{way}"):
        getattr(qjax, name)
    assert not hasattr(qjax, name)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("QMLEstimator", "from qjax.primitives import Estimator; values are exact"),
        ("QMLSampler", r"import Sampler; .* Sampler\(default_shots=None\)"),
        ("StatevectorSampler", "from qjax.primitives import Sampler"),
        ("BackendEstimatorV2", "from qiskit.primitives import BackendEstimatorV2"),
    ],
)
def test_names_of_other_primitives_tell_the_way(name: str, way: str) -> None:
    with pytest.raises(
        AttributeError, match=f"module 'qjax.primitives' has no attribute '{name}': .*{way}"
    ):
        getattr(primitives, name)
    assert not hasattr(primitives, "expectatoin")


def test_ways_lead_to_something() -> None:
    """What messages tell one to import is there."""
    for names, way in name_hints._WAYS.items():
        listed, _, detail = names.partition("|")
        for name in listed.split():
            if found := re.match(
                r"from ((?:qjax|bridge|qiskit)\S*) import (\w+)", way.format(name, detail)
            ):
                importable(*found.groups())


def test_every_name_of_qiskit_machine_learning_is_known() -> None:
    """What its packages export is here, or there is a way."""
    theirs = pytest.importorskip("qiskit_machine_learning", minversion="0.9")
    found = {
        name
        for module in pkgutil.walk_packages(theirs.__path__, "qiskit_machine_learning.")
        if module.ispkg
        for name in getattr(importlib.import_module(module.name), "__all__", ())
    }
    assert {"QSVC", "CrossEntropyLoss", "POWELL", "ad_hoc_data"} <= found
    assert [name for name in found if not hasattr(qjax, name) and not name_hints._way(name)] == []


def importable(module: str, name: str) -> None:
    if module.startswith("qiskit_machine_learning"):
        pytest.importorskip("qiskit_machine_learning", minversion="0.9")
    assert hasattr(importlib.import_module(module), name), (module, name)


def test_other_names_are_python_s_own_business() -> None:
    with pytest.raises(
        AttributeError, match=r"^module 'qjax' has no attribute 'expectatoin'$"
    ) as it:
        qjax.expectatoin  # noqa: B018
    assert it.value.name == "expectatoin"
    assert it.value.obj is qjax  # so that Python suggests the right one


def without(package: str, code: str) -> str:
    """What the code prints where a package is not installed."""
    return run(f"""
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        hidden = name.split(".")[0] == {package!r}
        return None if hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path = [Without(finder) for finder in sys.meta_path]
def attempt(action):
    try:
        action()
    except Exception as error:
        print(type(error).__name__, error)
{code}""")


def test_everything_but_the_bridge_works_without_torch() -> None:
    code = """
import numpy as np, jax, qjax, qjax.primitives
from qiskit.circuit.library import real_amplitudes
circuit = real_amplitudes(2, reps=1)
qnn = qjax.EstimatorQNN(circuit=circuit, weight_params=circuit.parameters)
weights = np.array([0.1, 0.2, 0.3, 0.4])
value = qnn.forward(None, weights)[0, 0]
job = qjax.primitives.Estimator().run([(circuit, "ZZ", weights)])
print(abs(value - job.result()[0].data.evs) < 1e-12, qjax.evaluate(qnn, weights, None).shape)
print(jax.grad(lambda w: qnn.apply(w, None)[0])(weights).shape, "torch" in sys.modules)
attempt(lambda: __import__("bridge"))
attempt(lambda: __import__("bridge._dlpack"))
"""
    *works, first, second = without("torch", code).splitlines()
    assert works == ["True (1, 1)", "(4,) False"]
    for found in (first, second):
        assert found.startswith("ModuleNotFoundError bridge connects JAX with PyTorch")
        assert "pip install 'torch>=" in found


def test_extras_that_are_missing_are_named() -> None:
    code = """
import qjax
print(hasattr(qjax, "optimizers"))
attempt(lambda: qjax.optimizers)
attempt(lambda: __import__("qjax.optimizers"))
"""
    install = "pip install 'qjax-bridge[optimizers]'"
    absent, attribute, module = without("optax", code).splitlines()
    assert absent == "False"
    assert attribute.startswith("AttributeError")
    assert module.startswith("ImportError")
    assert install in attribute
    assert install in module
    code = """
import qjax
from qiskit import QuantumCircuit
qnn = qjax.EstimatorQNN(circuit=QuantumCircuit(1))
attempt(lambda: qjax.export(qnn, "network.qjax"))
"""
    found = without("flatbuffers", code)
    assert found.startswith("ModuleNotFoundError")
    assert "pip install 'qjax-bridge[export]'" in found
    code = """
import qjax
attempt(lambda: qjax.from_qasm("OPENQASM 3.0; qubit q;"))
"""
    found = without("openqasm3", code)
    assert found.startswith("ImportError")
    assert "pip install 'qjax-bridge[qasm3]'" in found
