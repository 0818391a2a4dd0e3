// The samples of a tile: their angles, and where the cotangents of those go.
#pragma once

#include <cstdint>

#include "lanes.h"

namespace qjax::QJAX_ISA {

template <typename T> struct Samples {
  const T* shared;   // (angles,)
  const T* batched;  // (angles, batch)
  int64_t batch;
  int64_t first;     // the first of the tile
  int64_t count;     // how many there are: one where lanes are rows
  bool are_lanes;
  double* to_shared;  // cotangents: of this tile, to be added to
  T* to_batched;      // of all samples, to be added to

  // Whether what a step does differs from lane to lane.
  bool differ(bool is_batched) const { return are_lanes && is_batched; }

  Vector<T> lanes(bool is_batched, int angle) const {
    if (!is_batched) return splat<T>(shared[angle]);
    Vector<T> x{};
    const T* row = batched + angle * batch + first;
    if (count == kLanes<T>)
      std::memcpy(&x, row, sizeof x);
    else
      for (int64_t k = 0; k < count; ++k) x[k] = row[k];
    return x;
  }
  double one(bool is_batched, int angle) const {
    return is_batched ? batched[angle * batch + first] : shared[angle];
  }

  void add_one(bool is_batched, int angle, double x) const {
    if (is_batched)
      to_batched[angle * batch + first] += T(x);
    else
      to_shared[angle] += x;
  }
  // The cotangent of an angle, of which each lane has a part.
  void add(bool is_batched, int angle, Vector<T> x) const {
    if (differ(is_batched)) {
      T* row = to_batched + angle * batch + first;
      for (int64_t k = 0; k < count; ++k) row[k] += x[k];
      return;
    }
    constexpr int kAtOnce = 4;  // sums that do not wait for each other
    double parts[kAtOnce] = {};
    for (int lane = 0; lane < kLanes<T>; ++lane) parts[lane % kAtOnce] += x[lane];
    add_one(is_batched, angle, (parts[0] + parts[1]) + (parts[2] + parts[3]));
  }
};

}  // namespace qjax::QJAX_ISA
