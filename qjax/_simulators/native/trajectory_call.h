// What a call for noisy runs is told: see `trajectories.h`.
#pragma once

#include <cstdint>

namespace qjax {

constexpr int kMostBlockQubits = 3;

// Where a block acts: ascending qubits, the first as bit 0 of its rows; and how many jumps it has.
struct TrajectoryBlock {
  int32_t qubits[kMostBlockQubits];
  int32_t num_jumps;
};

struct TrajectoryHeader {
  int32_t num_qubits, width, num_blocks;
  int32_t most_jumps;      // of a block
  int32_t num_jumps, most_operators;  // in all, and of one
};

// All complex numbers as a plane of real parts and one of imaginary parts; K = 2^width.
template <typename T> struct TrajectoryCall {
  TrajectoryHeader header;
  const TrajectoryBlock* blocks;
  const int32_t* jumping;  // (blocks, most_jumps) which jump follows a part
  int64_t runs;
  const T* start;  // (2, rows, runs), or null for |0...0>

  // Forwards.
  int64_t columns;      // of the parts: runs, or 1
  const T* parts;       // (2, blocks, most_jumps + 1, K, K, columns)
  const T* operators;   // (2, jumps, most_operators, K, K)
  const T* effects;     // of the same shape: products of the operators' adjoints with themselves
  const T* numbers;     // (blocks, most_jumps, runs) from 0 to 1
  T* state;             // (2, rows, runs)
  int32_t* drawn;       // (blocks, most_jumps, runs) numbers of operators
  T* probabilities;     // (blocks, most_jumps, runs) of those

  // Backwards.
  const T* matrices;   // (2, blocks, K, K, runs)
  const T* cotangent;  // (2, rows, runs)
  T* to_matrices;
  T* to_start;  // or null

  int64_t num_rows() const { return int64_t(1) << header.num_qubits; }
};

}  // namespace qjax
