"""Floor 0. Every number that was measured or decides by cost: what to change for a new machine.

All of it is about time, memory and the digits that sums keep: nothing here changes a result by more
than rounding, but for samples (`SHOTS_AT_ONCE`, `RUNS_AT_ONCE`, `CHOICE_BITS` and `MAX_FOLLOWED`
decide which are drawn for a key). Limits that are part of what a function promises stand where they
are refused.

`Backend` holds what differs between backends; whoever brings one adds its values, and a line in
`of_backend`. The rest is the same everywhere: it is decided on the host, before the device is
known, or no backend is known to want another value. "CPU" stands for two cores of a server with
2 MiB of cache each, on which all of it was measured; where nothing is said of measuring, the value
was reasoned or tried, and no sweep of it is on record. Names are read as `tuning.NAME` when they
are used, so that a test, or a session that measures, can set them.

What XLA holds at once, in multiples of states, follows formulas: see `states_held` in
`qjax._engine.directions` and `check_values` in `qjax._engine.execution`, read from its own account
on CPU.
"""

from dataclasses import dataclass

from jax import lax


@dataclass(frozen=True, eq=False)
class Backend:
    """What is decided by the backend that a program runs on; compared by identity, in no time.

    Attributes:
        pass_bytes: bytes of states that one pass over many samples holds. CPU: 2 to 8 MiB are
            fastest for 2 to 12 qubits; less pays overhead per call, more leaves the caches. An
            accelerator has thousands of cores to fill: estimated, not measured.
        chunk_bytes: a batch whose states take twice as many bytes or more runs in parts of about
            so many, one after the other: every pass of a part finds its states in the cache. None
            where batches are never cut. CPU: as many as the cache of a core.
        kept_bytes: reverse mode keeps the states of all passes up to so many bytes, and computes
            them again beyond. CPU: 10 to 13 MB of 10 to 20 passes (12 to 16 qubits) are 1.1 to 1.4
            times faster kept; 20 MB leave the caches, and are 1.3 times slower. More saves work
            where memory is fast. Accelerator: not measured.
        kept_bytes_of_many, many_passes: the same for plans of more passes than that. CPU: with 177
            passes over 11 MB (10 qubits) keeping is 1.1 times slower, as small states stay cached.
        wide_values, wide_states, wide_derivatives_of_states: from so many qubits on, in single and
            in double precision, samples that share no parameter run one by one: for expectation
            values, for states and probabilities, and for derivatives of those. CPU: smaller ones
            gain from a batch; the results of states alone leave the cache; their derivatives gain
            for longer. None where a batch always gains.
        batches_runs: whether many trainings are a batch under `vmap`; else they follow one another.
            CPU: 1.2 to 2.8 times faster so (2 to 10 qubits, 16 to 128 samples), as rows of one run
            share weights. Accelerator: not measured.
        has_kernels: whether the native engine has kernels for it.
    """

    pass_bytes: int
    chunk_bytes: int | None
    kept_bytes: int
    kept_bytes_of_many: int
    many_passes: int
    wide_values: tuple[int, int] | None
    wide_states: tuple[int, int] | None
    wide_derivatives_of_states: tuple[int, int] | None
    batches_runs: bool
    has_kernels: bool


CPU = Backend(
    pass_bytes=4 << 20,
    chunk_bytes=2 << 20,
    kept_bytes=14 << 20,
    kept_bytes_of_many=8 << 20,
    many_passes=20,
    wide_values=(11, 9),
    wide_states=(9, 8),
    wide_derivatives_of_states=(12, 11),
    batches_runs=False,
    has_kernels=True,
)

ACCELERATOR = Backend(
    pass_bytes=256 << 20,
    chunk_bytes=None,
    kept_bytes=8 << 20,
    kept_bytes_of_many=8 << 20,
    many_passes=20,
    wide_values=None,
    wide_states=None,
    wide_derivatives_of_states=None,
    batches_runs=True,
    has_kernels=False,
)


def of_backend(platform: str) -> Backend:
    """The values for a backend, by JAX's name of it: "cpu", "gpu", "tpu" ..."""
    return CPU if platform == "cpu" else ACCELERATOR


# Of all matrix products. Less, and a GPU rounds single precision to TF32, to three digits.
PRECISION = lax.Precision.HIGHEST

# ---------------------------------------------------------------- memory

# Bytes. Smaller requests are not worth asking the device, or the host's files, for what is free.
# More risks running out of memory without a message.
ALWAYS_FITS = 1 << 30

# Memory of one pass, in multiples of its states: before, after, and temporaries. Bounds how many
# samples run at once where memory is short.
PASS_COPIES = 4

# What a linear map under `vmap` holds at once, in multiples of its operands. Refuses less if lower.
LINEAR_MAP_COPIES = 3

# In a loop over groups of directions, XLA holds so many times as much for each, by its own account
# (`memory_analysis`) on CPU. Higher: smaller groups.
IN_GROUPS_COPIES = 3

# States that two directions of a Fisher information take, by XLA's own account on CPU.
FISHER_STATES = 18

# ---------------------------------------------------------------- what is kept between calls

# Bytes that all circuits, plans and programs that are kept may take, by the estimates below; and
# which part of the host's memory at most. Some 150 small circuits with gradients. Less compiles
# again sooner.
STORE_BYTES = 2 << 30
STORE_SHARE = 1 / 8

# Bytes of what serves only while programs are traced, as networks do in torch and under `jit`:
# those programs belong to whoever called `jit`. Some 40 small circuits.
STORE_TRACING_BYTES = 128 << 20

# Bytes, estimates of what is kept. CPU, circuits of 3 to 14 qubits, 16 to 2000 gates: the compiled
# simulation takes 1.5 to 8 MB, and what its derivatives compile 12 to 29 MB more. The traces of a
# simulation and of its derivatives take 2.5 MB.
PLAN_BYTES = 64 << 10
TRACE_BYTES = 3 << 19
PROGRAM_BYTES = 3 << 20
DERIVATIVES_BYTES = 15 << 20

# ---------------------------------------------------------------- arithmetic

# Angles. XLA's cosine and sine take 5 to 10 ns each on CPU, for the sake of huge angles; of fewer
# than this, the time saved by our own is not worth a digit.
MANY_ANGLES = 4096

# ---------------------------------------------------------------- the native engine

# Qubits. Up to so many, the lanes of its vectors are samples where samples fill half of them: no
# step exchanges lanes, and what a step prepares serves 16 samples. CPU: 16 samples at once take a
# third (9 qubits) or less than half (10) of the time that they take one by one.
MAX_LANES_OF_SAMPLES = 10

# Qubits. The same where samples fill three quarters of the lanes of two vectors or more, which two
# threads share. CPU, 12 qubits: 1.3 to 1.5 times faster. More, and a state leaves a core's cache.
MAX_LANES_OF_MANY_SAMPLES = 12

# ---------------------------------------------------------------- density matrices

# Bytes of the states that reverse mode keeps between groups of blocks; of more, it keeps some, and
# computes the others again, which takes as long as the values once more.
KEPT_MIXED_BYTES = 512 << 20

# Samples. Fewer are simulated one by one, with digits in the lanes of vectors.
MIN_MIXED_SAMPLES_IN_LANES = 8

# Digits of base 4 that a group of blocks touches, and its blocks. CPU: a tile of 5 digits takes 64
# kB in single precision, and so do the states between its blocks in reverse mode.
MIXED_DIGITS_OF_GROUP = 5
MIXED_BLOCKS_OF_GROUP = 8

# ---------------------------------------------------------------- batches of any size

# Samples, and gates times amplitudes of all samples. Smaller batches of torch layers, `forward` and
# `backward` are filled up to so many: 2**15 take 20 to 40 us with gradients, a call of a layer 400.
# More, and a small batch costs more time; less, and more sizes are compiled, 0.1 to 0.2 s each.
LEAST_BATCH = 64
LEAST_BATCH_WORK = 2**15

# ---------------------------------------------------------------- expressions

# Leaves and operations. An expression of more keeps what it uses again, and is never compiled
# operation by operation.
LONG_EXPRESSION = 256

# Leaves and operations of different programs that are compiled one by one; of more, the longest go
# to tapes, whose steps take a microsecond or so each. It takes seconds to compile this many.
MAX_COMPILED_OPERATIONS = 512

# So many of the longest get a loop of their own each; more share one, the short ones another. More
# loops take longer to compile, shared ones compute every operation for every lane.
FEW_TAPES = 4

# Numbers. The leaves of so many steps, lanes and samples are in memory at once; more samples wait.
TAPE_LEAVES_AT_ONCE = 1 << 24

# ---------------------------------------------------------------- observables that share a state

# Qubits. Where all observables depend on fewer, one state costs less than a second program.
MIN_QUBITS_TO_SPLIT = 16

# Qubits. The same for density matrices, whose size grows by 4 with each.
MIN_MIXED_QUBITS_TO_SPLIT = 5

# Amplitudes times gates, of about a nanosecond each: what another program costs to compile, spread
# over its calls, and what it costs to run. Higher: fewer, wider states.
SPLIT_PROGRAM, SPLIT_CALL = 1 << 20, 1 << 17

# So many light cones that look alike run as one program, over the tables of each: they stay apart.
MIN_ALIKE = 3

# Several states must together be so many times cheaper than one, by these estimates.
CLEARLY_CHEAPER = 4

# ---------------------------------------------------------------- dynamic circuits

# Qubits and records. Beyond, samples are drawn by trajectories unless asked for otherwise: a state
# of all branches takes longer than many runs.
MAX_FOLLOWED = 20

# Settings. A condition is a gate for each of so few settings; a parity of many records gets a
# record of its own, which doubles the state.
FEW_SETTINGS = 4

# Wires. Where fewer are left, those that nothing depends on any more are freed.
SPARE_WIRES = 8

# ---------------------------------------------------------------- planning

# The cost model of a schedule, in nanoseconds on CPU: per pass; per amplitude to rearrange it, to
# give it a phase of its own, and to multiply it by a matrix on that many qubits (`REAL` times that
# where it is real); per multiplication of two such matrices, divided by their size cubed. Their
# ratios decide how wide blocks are. A wider one is offered by a further entry of `MULTIPLY`.
PASS = 4000.0
REARRANGE = 0.6
ROTATE = 2.0
MULTIPLY = {1: 0.5, 2: 0.5, 3: 0.65, 4: 1.0, 5: 1.6, 6: 2.8}
REAL = 0.5
BUILD = 0.15

# Rows. A matrix with so few behind its own takes them in: as products side by side, XLA needs 2 to
# 50 times as long. More than 4 cost more than they gain: all of it grows with their number.
FEW_ROWS = 4

# Samples. Plans are made before the batch is known; it is one where nothing differs per sample.
TYPICAL_BATCH = 32

# Gates in one block at most, or building its matrix takes over.
MAX_BLOCK_GATES = 64

# Qubits. A wider gate takes a pass of its own, and does not decide how wide blocks are.
MAX_SHARED_WIDTH = 4

# Gates. Longer circuits are not scheduled in several ways, or planning takes over.
MAX_TRIED_GATES = 1000

# Gates at the head of the queues that are tried as the beginning of the next block. More plans
# longer for hardly better blocks.
SEEDS = 3

# Passes that are compiled one by one, those with phases counted three times; longer rows of them
# run as one scan. More compile longer, and run a little faster.
MAX_BODY = 12

# How often a layer is planned in search of one that ends as it begins; then rows are brought in
# order at its end, which costs a pass.
MAX_LAYER_ATTEMPTS = 3

# Layers repeated less often, or of fewer gates altogether, are worth more as one piece that can be
# fused across; longer periods are not looked for, or planning takes over.
MIN_REPETITIONS = 4
MIN_REPEATED_GATES = 24
MAX_PERIOD = 4096

# Qubits. A gate on more is never split into parity phases: there are 2**qubits of them.
MAX_PARITY_QUBITS = 10

# Entries of all matrices of one width. Fewer are padded to one group: it costs less than several.
SMALL_MATRICES = 1 << 15

# ---------------------------------------------------------------- reading out

# Pauli strings, equal ones counted again. Projectors that are more are not written as strings.
MAX_EXPANDED = 1 << 16

# Entries. Sums of Pauli strings become matrices where these have no more together.
MAX_DENSE = 1 << 18

# A multiplication of a row by a number is so many times cheaper in a matrix product: higher, and
# more sums of strings become matrices.
MATRIX_GAIN = 16

# Entries of the table of the coefficients of all strings in all observables; more are looked up.
MAX_COEFFICIENT_TABLE = 1 << 16

# Groups of strings that are unrolled: one more costs compile time, the loop some speed.
MAX_UNROLLED = 8

# Strings of Z; more are summed by one Walsh-Hadamard transform.
MAX_SIGN_SUMS = 128

# Groups of a loop are filled up to these numbers of strings; each occurring number is one loop.
GROUP_SIZES = (1, 2, 4, 16, MAX_SIGN_SUMS)

# Numbers. Sums of more rows than the first are added up in parts of the second, and means of runs
# in pieces: else single precision loses digits. Shorter parts are slower and more accurate.
LONG_SUM, SUM_PART = 1 << 14, 64
MEAN_PIECE = 256

# Bits of a state that one choice of a sampler decides on, of 2**bits probabilities added up.
CHOICE_BITS = 12

# Shots drawn at once; more take memory for no gain.
SHOTS_AT_ONCE = 1 << 17

# Amplitudes of trajectories that are computed at once: so many that they stay in the cache.
RUNS_AT_ONCE = 1 << 17

# ---------------------------------------------------------------- kernels

# Multiplications. A Gram matrix of more takes three real products for a complex one, which compiles
# for longer: CPU, 200 points, 14 qubits: 70 ms in place of 100; 10 qubits: 2 ms of 5.
MANY_OVERLAPS = 1 << 28

# Qubits. Parts of a circuit that no gate connects are simulated as one up to so many: CPU, 8 single
# qubits compile in half of the time, and 10 run slower as one.
JOINED_PARTS = 8

# Points. A block of a Gram matrix has no more rows and columns: more gain nothing, and leave the
# cache.
KERNEL_BLOCK = 1024

# Bytes of states and blocks that `evaluate` of a kernel holds, where a quarter of the memory is
# more. States of more points are computed again.
KERNEL_BYTES = 1 << 30

# ---------------------------------------------------------------- networks and primitives

# Blocks of `evaluate` computed ahead of the one whose results are copied. CPU, 4 qubits: 1.5 times
# faster than none; more blocks gained nothing, wider circuits hardly anything.
BLOCKS_AHEAD = 2

# Bytes that a sample is taken to need in a network that does not tell.
UNKNOWN_SAMPLE_BYTES = 4 << 10

# Samples. One costs as much as a block of so many in an exported program, and many hardly more
# than in one: the block that it computes at once where none is asked for.
EXPORTED_BLOCK = 64

# Bytes of what Qiskit's primitives read out that are in memory at once, of more than one pub, or of
# a sampler.
READ_OUT_BYTES = 1 << 28

# Amplitudes of noisy runs that are computed at once, and runs at least. The kernel has a run in
# each lane of a vector, and a vector for each thread: 16 qubits take 1.3 times as long in parts of
# 2**20. XLA keeps all states in reverse mode, and its innermost loops are over runs: 8 of 14 qubits
# take three times as long each as 16 (two cores with AVX2).
NOISY_RUNS_AT_ONCE = 1 << 22
NOISY_RUNS_AT_ONCE_BY_XLA = 1 << 18
FEWEST_NOISY_RUNS = 16

# Of a device's part of a state: larger ones are sent in pieces of this size, in place.
EXCHANGED_BYTES = 4 << 20
