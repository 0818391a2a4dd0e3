// A tile: the states of some samples, which run through the whole program in the cache.
#pragma once

#include <algorithm>

#include "matrix_steps.h"
#include "row_images.h"
#include "start.h"
#include "sweeps.h"

namespace qjax::QJAX_ISA {

template <typename T> struct Tile {
  Program<T> program;
  Layout layout;
  Samples<T> samples;
  const Fork& fork;
  Amplitudes<T>* state;
  Amplitudes<T>* cotangent;  // for reverse mode
  const T* given;            // the states to start from, or null
  T* to_given;               // their cotangents, or null
  T* before;                 // where those states go in reverse mode, or null

  bool lanes_are_samples() const { return samples.are_lanes; }

  // ---------------------------------------------------------------- the whole program

  void run() const {
    const int64_t done = start();
    run_sweeps(false, done);
  }

  // From the final state and its cotangent back to the angles, undoing each step on the way.
  void run_back() const {
    run_sweeps(true, 0);
    if (to_given != nullptr) store_rows(cotangent, to_given);
    if (before != nullptr) store_rows(state, before);
  }

  // How many steps the state to start from is already through.
  int64_t start() const {
    if (given != nullptr) {
      load_rows(given, state);
      return 0;
    }
    if (lanes_are_samples()) {
      std::fill(state, state + layout.vectors(), Amplitudes<T>{});
      state[0].re = splat<T>(1);
      return 0;
    }
    const int64_t done = count_start(program);
    ProductState(Source<T>{program, layout, samples}, done).store(state, fork);
    return done;
  }

  void run_sweeps(bool back, int64_t done) const {
    const Source<T> source = {program, layout, samples};
    Sweep<T> sweep(source, fork, back, done);
    const MatrixSteps<T> matrices = {source, fork, state, cotangent};
    do {
      while (sweep.next()) sweep.run(state, cotangent);
    } while (sweep.take_matrix([&](const Step& step) { matrices.run(step, back); }));
  }

  // ---------------------------------------------------------------- in and out

  // Arrays are (2, rows, batch), rows in the order of basis states.
  template <typename Body> void each_amplitude(Body body) const {
    each_image(layout.num_qubits, program.columns, program.shift, body);
  }

  void store_row(const Amplitudes<T>* from, int64_t row, T* place, int64_t plane) const {
    if (lanes_are_samples()) {
      for (int64_t k = 0; k < samples.count; ++k) {
        place[k] = from[row].re[k];
        place[k + plane] = from[row].im[k];
      }
    } else {
      const Amplitudes<T>& x = from[row >> layout.lane_bits];
      const int lane = row & (kLanes<T> - 1);
      place[0] = x.re[lane];
      place[plane] = x.im[lane];
    }
  }

  void load_row(Amplitudes<T>* to, int64_t row, const T* place, int64_t plane) const {
    if (lanes_are_samples()) {
      to[row] = Amplitudes<T>{};
      for (int64_t k = 0; k < samples.count; ++k) {
        to[row].re[k] = place[k];
        to[row].im[k] = place[k + plane];
      }
    } else {
      Amplitudes<T>& x = to[row >> layout.lane_bits];
      const int lane = row & (kLanes<T> - 1);
      x.re[lane] = place[0];
      x.im[lane] = place[plane];
    }
  }

  void store(const Amplitudes<T>* from, T* array) const {
    const int64_t plane = samples.batch << layout.num_qubits;
    each_amplitude([&](int64_t row, int64_t basis) {
      store_row(from, row, array + basis * samples.batch + samples.first, plane);
    });
  }

  void load(const T* array, Amplitudes<T>* to) const {
    const int64_t plane = samples.batch << layout.num_qubits;
    each_amplitude([&](int64_t row, int64_t basis) {
      load_row(to, row, array + basis * samples.batch + samples.first, plane);
    });
  }

  // The same, rows as they stand.
  void store_rows(const Amplitudes<T>* from, T* array) const {
    const int64_t plane = samples.batch << layout.num_qubits;
    for (int64_t row = 0; row < int64_t(1) << layout.num_qubits; ++row)
      store_row(from, row, array + row * samples.batch + samples.first, plane);
  }

  void load_rows(const T* array, Amplitudes<T>* to) const {
    const int64_t plane = samples.batch << layout.num_qubits;
    for (int64_t row = 0; row < int64_t(1) << layout.num_qubits; ++row)
      load_row(to, row, array + row * samples.batch + samples.first, plane);
  }
};

}  // namespace qjax::QJAX_ISA
