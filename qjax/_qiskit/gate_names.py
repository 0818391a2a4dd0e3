"""Floor 3. Qiskit's gate classes -> the names of ours."""

from qiskit.circuit import library as lib

# Qiskit's classes that are rows of `GATES`. The rest of its library is reached through its
# controls, definitions and matrices.
GATE_NAMES: dict[type, str] = {
    lib.IGate: "id", lib.XGate: "x", lib.YGate: "y", lib.ZGate: "z", lib.HGate: "h",
    lib.SGate: "s", lib.SdgGate: "sdg", lib.TGate: "t", lib.TdgGate: "tdg",
    lib.SXGate: "sx", lib.SXdgGate: "sxdg", lib.SwapGate: "swap", lib.iSwapGate: "iswap",
    lib.DCXGate: "dcx", lib.ECRGate: "ecr", lib.GlobalPhaseGate: "global_phase",
    lib.PhaseGate: "p", lib.U1Gate: "p", lib.RZGate: "rz", lib.RZZGate: "rzz", lib.RXGate: "rx",
    lib.RYGate: "ry", lib.RGate: "r", lib.UGate: "u", lib.U3Gate: "u", lib.RVGate: "rv",
    lib.RXXGate: "rxx", lib.RYYGate: "ryy", lib.RZXGate: "rzx",
    lib.XXPlusYYGate: "xx_plus_yy", lib.XXMinusYYGate: "xx_minus_yy",
}  # fmt: skip

# Those whose name in Qiskit is no name of ours.
LABELS: dict[type, str] = {lib.U1Gate: "u1", lib.U2Gate: "u2", lib.U3Gate: "u3"}
