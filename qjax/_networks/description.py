"""Floor 8. What can be asked of a network: its circuit, sizes, plan and primitive."""

from qjax._base.options import as_whole
from qjax._base.process import check_process
from qjax._engine import num_simulated_of, padded_size, plan_of_model
from qjax._networks.parametrized_circuit import ParametrizedCircuit
from qjax._plan import Plan
from qjax._remote import CircuitCount, Remote, moving_groups, stencil_size


class NetworkDescription(ParametrizedCircuit):
    """The read-only attributes that all networks have."""

    _remote: Remote | None
    _input_gradients: bool

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output for one input vector."""
        return self._model.readout.output_shape

    @property
    def plan(self) -> Plan:
        """How the network is simulated; `print(qnn.plan)` tells what was fused, and why.

        Raises:
            ValueError: for a network that is not simulated, but runs on a primitive.
        """
        if self._remote is not None:
            raise ValueError(
                f"plan: the network runs on {self._primitive_name}, which plans by itself; see "
                "num_circuits() for what is sent, and exact().plan for a simulation"
            )
        return plan_of_model(self._model)

    @property
    def num_simulated(self) -> int | None:
        """How many qubits are simulated at once, records of outcomes included; None on a primitive.

        Those that the outputs depend on; of several groups of observables, the most of any.
        """
        return None if self._remote is not None else num_simulated_of(self._model)

    def padded_batch(self, batch: int) -> int:
        """To how many samples `forward`, `backward` and the torch bridge fill a batch up.

        So batches of many sizes share compiled programs. On a primitive, none is filled up.

        Raises:
            ValueError: for a batch that is no whole number, or below 0.
        """
        batch = as_whole(batch, "batch", 0)
        return batch if self._remote is not None else padded_size(self._model, batch)

    @property
    def primitive(self) -> object | None:
        """The estimator or sampler that values come from; None for exact simulation."""
        return None if self._remote is None else self._remote.source.primitive.value

    @property
    def gradient(self) -> object | None:
        """How the network is differentiated; a name, or what `qjax.gradients` has."""
        if self._remote is not None:
            return self._remote.rule
        shots = self._model.shots
        return self._model.gradient if shots is None else shots.rule

    @property
    def needs_key(self) -> bool:
        """Whether outputs are drawn, so that `apply` takes a key: with shots, and for runs."""
        return self._model.is_random

    @property
    def pass_manager(self) -> object | None:
        """What transpiles the circuit for the primitive."""
        held = None if self._remote is None else self._remote.source.pass_manager
        return None if held is None else held.value

    @property
    def _primitive_name(self) -> str:
        return type(self.primitive).__name__

    def num_circuits(self, batch: int = 1) -> CircuitCount:
        """How many circuits (parameter sets) are sent to the primitive; 0 without one.

        A circuit is sent for each sample, or once where there are no inputs; for derivatives, one
        for each shift of each angle that depends on the weights (with `input_gradients`, the inputs
        too) and that an output depends on, or two for each direction of SPSA. One call sends one
        pub; `forward` sends the first number, `backward` the second, and a gradient of `apply` in
        JAX both together. An estimator may run each once per basis that it measures in.

        Args:
            batch: the number of samples.

        Returns:
            a pair `(forward, backward)`.

        Raises:
            ValueError: for a batch that is no whole number, or below 0.
        """
        batch = as_whole(batch, "batch", 0)
        if self._remote is None:
            return CircuitCount(0, 0)
        check_process()
        samples = batch if self.num_inputs else min(batch, 1)
        moving = moving_groups(self._remote, self._input_gradients and self.num_inputs > 0)
        return CircuitCount(samples, samples * stencil_size(self._remote, moving))
