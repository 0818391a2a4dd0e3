// Probabilities of outcomes, and the cotangent of the state.
#pragma once

#include "lanes.h"
#include "layout.h"
#include "reading.h"
#include "row_images.h"

namespace qjax::QJAX_ISA {

// Vector by vector: the outcome of its first row, and which bits of that differ in each lane.
template <typename T> class Outcomes {
 public:
  Outcomes(const Reading& reading, const Layout& layout)
      : columns_(reading.columns.data()), shift_(reading.shift), layout_(layout) {
    if (!lanes_are_samples())
      each_image(kLaneBits<T>, columns_, 0,
                 [&](int64_t lane, int32_t difference) { lanes_[lane] = difference; });
  }

  // sums[outcome] += |state[p]|^2 over its rows p; of each lane, where lanes are samples.
  void add_probabilities(const Amplitudes<T>* state, double* sums) const {
    each_vector([&](int64_t vector, int64_t outcome) {
      const Amplitudes<T>& x = state[vector];
      const Vector<T> p = x.re * x.re + x.im * x.im;
      if (lanes_are_samples())
        for (int lane = 0; lane < kLanes<T>; ++lane) sums[outcome * kLanes<T> + lane] += p[lane];
      else
        for (int lane = 0; lane < kLanes<T>; ++lane) sums[outcome ^ lanes_[lane]] += p[lane];
    });
  }

  // cotangent[p] = 2 given[outcome of p] state[p]; of_lanes(k) has that of outcome k in each lane,
  // of_one(k) where all lanes are of one sample.
  template <typename OfLanes, typename OfOne>
  void pull_back(const Amplitudes<T>* state, Amplitudes<T>* cotangent, OfLanes of_lanes,
                 OfOne of_one) const {
    each_vector([&](int64_t vector, int64_t outcome) {
      Vector<T> given;
      if (lanes_are_samples())
        given = of_lanes(outcome);
      else
        for (int lane = 0; lane < kLanes<T>; ++lane) given[lane] = of_one(outcome ^ lanes_[lane]);
      const Amplitudes<T>& x = state[vector];
      cotangent[vector] = {T(2) * given * x.re, T(2) * given * x.im};
    });
  }

 private:
  bool lanes_are_samples() const { return layout_.lane_bits == 0; }

  template <typename Body> void each_vector(Body body) const {
    each_image(layout_.num_qubits - layout_.lane_bits, columns_ + layout_.lane_bits, shift_, body);
  }

  const int32_t* columns_;
  int32_t shift_;
  Layout layout_;
  int32_t lanes_[kLanes<T>] = {};
};

}  // namespace qjax::QJAX_ISA
