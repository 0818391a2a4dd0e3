"""Floor 10. Kernels under the names by which Qiskit Machine Learning asks them."""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from qjax._base.arrays import Numbers, as_real_numpy, in_order
from qjax._base.store import kept
from qjax._circuit.circuit import Circuit
from qjax._networks import register_namesakes
from qjax._qiskit import as_qiskit
from qjax.kernels._description import KernelDescription


class TrainableKernel(KernelDescription):
    """What `QSVC`, `PegasosQSVC` and `QuantumKernelTrainer` ask of a kernel, beside `evaluate`."""

    # The class of Qiskit ML whose interface this one has.
    _namesake: ClassVar[str] = "TrainableKernel"

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make one, however it comes about, as an instance of its namesake in Qiskit ML."""
        register_namesakes(TrainableKernel, "kernels")
        return super().__new__(cls)

    @property
    def feature_map(self) -> QuantumCircuit:
        """The circuit as one of Qiskit's, as its kernels have it."""
        return _feature_map(self.circuit).copy()

    @property
    def num_features(self) -> int:
        """How many numbers a point has, under the name that Qiskit ML's kernels have for it."""
        return self.num_inputs

    @property
    def enforce_psd(self) -> bool:
        """False: exact Gram matrices are positive semidefinite up to rounding as they are."""
        return False

    @property
    def training_parameters(self) -> tuple[Parameter, ...]:
        """The weights' parameters, as Qiskit ML's trainers ask for them."""
        by_name = {parameter.name: parameter for parameter in _feature_map(self.circuit).parameters}
        return tuple(by_name[name] for name in self.weight_params)

    @property
    def num_training_parameters(self) -> int:
        """How many weights there are."""
        return self.num_weights

    @property
    def parameter_values(self) -> np.ndarray:
        """The numbers that `evaluate` uses for the weights; None for each that has no number."""
        held = self._held()
        return np.asarray([None] * self.num_weights if held is None else held)

    def assign_training_parameters(
        self, parameter_values: Mapping[Parameter | str, float] | Numbers
    ) -> None:
        """Set in place what `evaluate` uses for the weights, as Qiskit ML's trainers do.

        The one thing about a kernel that can be set; `matrix` does not know it, and takes weights.

        Raises:
            ValueError: for another number of them, and for names that are not among the weights.
            TypeError: for values that are not real.
        """
        if isinstance(parameter_values, Mapping):
            values = self._updated(parameter_values)
        else:
            values = as_real_numpy(parameter_values, "parameter_values")
            self._check_weights(values, "parameter_values")
        vars(self)["_assigned"] = tuple(values.tolist())

    def _updated(self, parameter_values: Mapping[Parameter | str, float]) -> np.ndarray:
        named = {
            key.name if isinstance(key, Parameter) else key: value
            for key, value in parameter_values.items()
        }
        if unknown := [name for name in named if name not in self.weight_params]:
            raise ValueError(
                f"parameter_values: {unknown[0]!r} is not among the weights. "
                + in_order(self.weight_params)
            )
        held = self._held() or (np.nan,) * self.num_weights
        merged = dict(zip(self.weight_params, held, strict=True)) | named
        values = as_real_numpy([merged[name] for name in self.weight_params], "parameter_values")
        self._check_weights(values, "parameter_values")
        return values

    def _held(self) -> tuple[float, ...] | None:
        return self._bound if self._assigned is None else self._assigned


@kept()
def _feature_map(circuit: Circuit) -> QuantumCircuit:
    return as_qiskit(circuit)
