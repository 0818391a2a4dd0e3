// The final state of a tile -> what a call reads out, and back: cotangents of that -> of the state.
#pragma once

#include <algorithm>
#include <vector>

#include "pauli_sums.h"
#include "probabilities.h"
#include "tile.h"

namespace qjax::QJAX_ISA {

// A state is cut in parts of the same size whatever runs them, so that sums have the same digits in
// every run. Smaller pieces of them stay in the cache while all strings look at them.
constexpr int64_t kMaxReadoutParts = 64, kPieceVectors = 512;

// Values are (strings or outcomes, batch).
template <typename T> class Readout {
 public:
  Readout(const Tile<T>& tile, const Reading& reading)
      : tile_(tile), samples_(tile.samples), reading_(reading) {
    vectors_ = tile.layout.vectors();
    parts_ = std::min(kMaxReadoutParts, (vectors_ + kPieceVectors - 1) / kPieceVectors);
    lanes_ = samples_.are_lanes ? kLanes<T> : 1;
  }

  void store(T* values) const {
    const int64_t count = reading_.num_values();
    std::vector<double> sums(count * lanes_, 0.0);
    if (reading_.is_of_strings)
      add_strings(sums);
    else
      Outcomes<T>(reading_, tile_.layout).add_probabilities(tile_.state, sums.data());
    for (int64_t k = 0; k < count; ++k)
      for (int64_t j = 0; j < samples_.count; ++j)
        values[k * samples_.batch + samples_.first + j] = T(sums[k * lanes_ + j]);
  }

  // The cotangent of the state, from those of the values.
  void load(const T* to_values) const {
    if (!reading_.is_of_strings) {
      const T* own = to_values + samples_.first;
      Outcomes<T>(reading_, tile_.layout)
          .pull_back(tile_.state, tile_.cotangent,
                     [&](int64_t k) { return lanes_of(to_values, k); },
                     [&](int64_t k) { return own[k * samples_.batch]; });
      return;
    }
    const PauliSums<T> strings = sums_of_strings();
    std::vector<Vector<T>> weights(reading_.strings.size());
    for (size_t k = 0; k < weights.size(); ++k)
      weights[k] = strings.weight(int(k), lanes_of(to_values, k));
    fork([&](int64_t, int64_t start, int64_t stop) {
      strings.pull_back(tile_.state, weights, start, stop, tile_.cotangent);
    });
  }

 private:
  PauliSums<T> sums_of_strings() const {
    return {reading_.strings.data(), int(reading_.strings.size()), tile_.layout};
  }

  void add_strings(std::vector<double>& sums) const {
    const PauliSums<T> strings = sums_of_strings();
    std::vector<double> of_parts(parts_ > 1 ? parts_ * sums.size() : 0, 0.0);
    fork([&](int64_t part, int64_t start, int64_t stop) {
      double* to = parts_ > 1 ? of_parts.data() + part * sums.size() : sums.data();
      strings.sum(tile_.state, start, stop, [&](int k, const double* in_lanes) {
        for (int lane = 0; lane < kLanes<T>; ++lane)
          to[k * lanes_ + lane % lanes_] += in_lanes[lane];
      });
    });
    for (size_t k = 0; k < of_parts.size(); ++k) sums[k % sums.size()] += of_parts[k];
  }

  // body(part, the first of the vectors of a piece of it, the first behind them)
  template <typename Body> void fork(Body body) const {
    const int64_t size = vectors_ / parts_, piece = std::min(size, kPieceVectors);
    tile_.fork(parts_, size * kLanes<T> * int64_t(reading_.strings.size()), [&](int64_t part) {
      for (int64_t start = part * size; start < (part + 1) * size; start += piece)
        body(part, start, start + piece);
    });
  }

  Vector<T> lanes_of(const T* values, int64_t k) const {
    const T* row = values + k * samples_.batch + samples_.first;
    if (!samples_.are_lanes) return splat<T>(row[0]);
    Vector<T> given{};
    for (int64_t j = 0; j < samples_.count; ++j) given[j] = row[j];
    return given;
  }

  const Tile<T>& tile_;
  const Samples<T>& samples_;
  const Reading& reading_;
  int64_t vectors_, parts_;
  int lanes_;  // sums of one string: of each sample
};

}  // namespace qjax::QJAX_ISA
