// The program of a circuit, as the planner writes it: see qjax/_plan/steps.py.
//
// Row p of the state holds one basis state; X, CX and SWAP are no steps at all, since the planner
// keeps track of which (its frame). A step is one of three:
//
//   pairs   row p and row p ^ difference are mixed: new[p] = A_r old[p] + B_r old[p ^ difference],
//           where the class r of row p has the bits parity(p & mask) ^ flip of one or two masks;
//           where controls are not met, row p stays. The entries A_r and B_r are products of
//           factors, each with one angle or none.
//   phases  row p gets the phase exp(i sum_j weight_j angle_j (-1)^parity(p & mask_j)).
//   matrix  the rows of several targets are mixed by a matrix: see matrices.h.
#pragma once

#include <cstdint>

namespace qjax {

// Of what the planner writes. One more after a change of what follows, here and in `library.py`.
constexpr int kFormat = 7;

enum class StepKind : int32_t { kPairs = 0, kPhases = 1, kMatrix = 2 };

struct Step {
  StepKind kind;
  int32_t batched;      // whether anything in it differs per sample
  int32_t difference;
  int32_t num_masks;    // one or two; of a matrix, its targets
  int32_t masks[2];     // of a matrix, the first is where its targets begin
  int32_t offset;       // the class of row 0
  int32_t pattern;      // the class of row p ^ difference is r ^ pattern
  int32_t active_bits;  // rows from 2^active_bits on are still 0
  int32_t first;        // its factors, or its terms
  int32_t count;
  int32_t first_control;
  int32_t num_controls;
};

enum class FactorKind : int32_t {
  kConstant = 0,  // numbers: for each class, re A, im A, re B, im B
  kPhase = 1,     // A_r = exp(i f_r angle), B = 0; numbers: f_r for each class
  kPauli = 2,     // A_r = cos(angle/2), B_r = b_r sin(angle/2); numbers: re b_r, im b_r; where
                  // b_r = 0 the class is left alone: A_r = 1
  kAxis = 3,      // of a matrix: one of three, the angles v of exp(-i v.sigma/2); of one
                  // constant has its matrix as numbers: re and im, row by row
};

struct Factor {
  FactorKind kind;
  int32_t batched;  // whether its angle differs per sample
  int32_t angle;
  int32_t numbers;  // where its numbers begin
};

struct Term {
  int32_t mask;
  int32_t batched;
  int32_t angle;   // -1: a constant phase, the weight itself
  int32_t weight;  // the place of its weight among the numbers
};

struct Control {
  int32_t mask;
  int32_t value;  // the gate acts where parity(p & mask) is this
};

// One of the qubits that a matrix acts on.
struct Target {
  int32_t mask;
  int32_t flip;        // row p has parity(p & mask) ^ flip there
  int32_t difference;  // flips this target, and no other qubit
};

template <typename T> struct Program {
  int num_qubits;
  const Step* steps;
  int64_t num_steps;
  const Factor* factors;
  const Term* terms;
  const Control* controls;
  const Target* targets;
  const T* numbers;
  // Row p holds basis state (sum over GF(2) of columns[j], j the bits of p) ^ shift.
  const int32_t* columns;
  int32_t shift;
};

}  // namespace qjax
