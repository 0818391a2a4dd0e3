// Probabilities of outcomes, and the cotangent of the state.
#pragma once

#include "layout.h"
#include "lanes.h"
#include "reading.h"
#include "row_images.h"

namespace qjax::QJAX_ISA {

// sums[outcome] += |state[p]|^2 over its rows p; of each lane, where lanes are samples.
template <typename T>
void add_probabilities(const Amplitudes<T>* state, const Layout& layout, const Reading& reading,
                       double* sums) {
  const int bits = layout.lane_bits;
  each_image(layout.num_qubits, reading.columns.data(), reading.shift,
             [&](int64_t row, int64_t outcome) {
    const Amplitudes<T>& x = state[row >> bits];
    if (bits == 0) {
      const Vector<T> p = x.re * x.re + x.im * x.im;
      for (int lane = 0; lane < kLanes<T>; ++lane) sums[outcome * kLanes<T> + lane] += p[lane];
    } else {
      const T re = x.re[row & (kLanes<T> - 1)], im = x.im[row & (kLanes<T> - 1)];
      sums[outcome] += re * re + im * im;
    }
  });
}

// cotangent[p] = 2 given(outcome of p) state[p]; given has those of all lanes where they are
// samples, else of one.
template <typename T, typename Given>
void pull_back_probabilities(const Amplitudes<T>* state, const Layout& layout,
                             const Reading& reading, Amplitudes<T>* cotangent, Given given) {
  const int bits = layout.lane_bits;
  each_image(layout.num_qubits, reading.columns.data(), reading.shift,
             [&](int64_t row, int64_t outcome) {
    const Amplitudes<T>& x = state[row >> bits];
    Amplitudes<T>& to = cotangent[row >> bits];
    if (bits == 0) {
      const Vector<T> weight = T(2) * given(outcome);
      to = {weight * x.re, weight * x.im};
    } else {
      const int lane = row & (kLanes<T> - 1);
      const T weight = 2 * given(outcome)[0];
      to.re[lane] = weight * x.re[lane];
      to.im[lane] = weight * x.im[lane];
    }
  });
}

}  // namespace qjax::QJAX_ISA
