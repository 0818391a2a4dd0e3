// What the kernels of each instruction set offer to the calls from XLA.
#pragma once

#include <algorithm>
#include <functional>

#include "program.h"
#include "reading.h"
#include "superoperator_call.h"
#include "trajectory_call.h"

namespace qjax {

// (count, work, body): body(0) ... body(count - 1), each so much work in amplitudes times steps, on
// several threads where they have enough of it.
using Fork =
    std::function<void(int64_t count, int64_t work, const std::function<void(int64_t)>& body)>;

template <typename T> struct Call {
  Program<T> program;
  Fork fork;
  bool lanes_are_samples;
  int64_t batch;
  const T* shared;        // (angles,)
  const T* batched;       // (angles, batch)
  const T* start;         // (2, rows, batch), rows as they stand, or null for |0...0>
  T* to_start;            // its cotangent, or null
  T* before;              // where the states to start from go in reverse mode, or null
  T* state;               // (2, rows, batch), rows in the order of basis states
  const T* cotangent;     // of the state, or of the values
  T* tiles;               // the final states of all tiles as they stand, or null
  T* to_tiles;            // their cotangents, or null
  const Reading* reading;
  T* values;              // (strings or outcomes, batch)
  T* batched_cotangents;  // (angles, batch)
};

// Probabilities of outcomes -> how many of the shots of each sample had each.
template <typename T> struct Draws {
  int64_t outcomes, batch;
  uint64_t shots;
  const T* probabilities;  // (rows, outcomes, batch)
  const uint32_t* words;   // (rows, 4), random
  T* counts;               // (rows, outcomes, batch)

  int64_t leaves() const {
    int64_t count = 1;
    while (count < outcomes) count *= 2;
    return count;
  }
  // Samples that are drawn together, whatever runs them: the same numbers in every run.
  int64_t samples_of_tile() const { return std::max<int64_t>(1, 1024 / leaves()); }
  int64_t tiles_of_row() const { return (batch + samples_of_tile() - 1) / samples_of_tile(); }
};

// Tile `number` of a call: as many samples as a vector has lanes, or one.
template <typename T> struct Kernels {
  void (*forward)(const Call<T>& call, int64_t number);
  void (*backward)(const Call<T>& call, int64_t number, double* shared_cotangents);
  void (*forward_values)(const Call<T>& call, int64_t number);
  void (*backward_values)(const Call<T>& call, int64_t number, double* shared_cotangents);
  void (*run_tiles)(const Call<T>& call, int64_t number);
  void (*undo_tiles)(const Call<T>& call, int64_t number, double* shared_cotangents);
  void (*read_tiles)(const Call<T>& call, int64_t number);
  void (*read_tiles_back)(const Call<T>& call, int64_t number);
  int lanes;
  void (*superoperate)(const SuperCall<T>& call, const T* start, int64_t every, T* kept, T* state);
  void (*superoperate_back)(const SuperCall<T>& call, const T* start, int64_t every, const T* kept,
                            T* cotangent, T* to_shared, T* to_per_sample);
  void (*draw_counts)(const Draws<T>& draws, int64_t number);
  void (*follow)(const TrajectoryCall<T>& call, int64_t tile);
  void (*pull_back_trajectories)(const TrajectoryCall<T>& call, int64_t tile);
};

#define QJAX_DECLARE(isa)                        \
  namespace isa {                                \
  extern const Kernels<float> single_kernels;    \
  extern const Kernels<double> double_kernels;   \
  }
QJAX_DECLARE(baseline)
QJAX_DECLARE(avx2)
QJAX_DECLARE(avx512)
#undef QJAX_DECLARE

}  // namespace qjax
