// Sums of probabilities over the rows, with the signs of strings of Z: <Z...Z> of each mask.
#pragma once

#include <algorithm>

#include "lanes.h"
#include "layout.h"
#include "program.h"

namespace qjax::QJAX_ISA {

constexpr int kStringsAtOnce = 8;
constexpr int64_t kSumInSingle = 32;  // vectors, before a sum goes on in double

template <typename T> Vector<T> lane_signs(const ZString& string, const Layout& layout) {
  Vector<T> signs;
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    const int odd = layout.lane_bits ? parity(lane & string.mask) : 0;
    signs[lane] = odd ^ string.flip ? T(-1) : T(1);
  }
  return signs;
}

// take(k, lane, sum): the sum of string k in a lane; where lanes are rows, to be added up.
template <typename T, typename Take>
void signed_sums(const Amplitudes<T>* state, const ZString* strings, int num_strings,
                 const Layout& layout, Take take) {
  for (int done = 0; done < num_strings; done += kStringsAtOnce) {
    const int count = num_strings - done < kStringsAtOnce ? num_strings - done : kStringsAtOnce;
    uint32_t high[kStringsAtOnce];
    double totals[kStringsAtOnce][kLanes<T>] = {};
    for (int k = 0; k < count; ++k) high[k] = strings[done + k].mask >> layout.lane_bits;
    for (int64_t start = 0; start < layout.vectors(); start += kSumInSingle) {
      const int64_t stop = std::min(start + kSumInSingle, layout.vectors());
      Vector<T> sums[kStringsAtOnce] = {};
      for (int64_t v = start; v < stop; ++v) {
        const Vector<T> p = state[v].re * state[v].re + state[v].im * state[v].im;
        for (int k = 0; k < count; ++k) sums[k] += parity(uint32_t(v) & high[k]) ? -p : p;
      }
      for (int k = 0; k < count; ++k)
        for (int lane = 0; lane < kLanes<T>; ++lane) totals[k][lane] += sums[k][lane];
    }
    for (int k = 0; k < count; ++k) {
      const Vector<T> signs = lane_signs<T>(strings[done + k], layout);
      for (int lane = 0; lane < kLanes<T>; ++lane)
        take(done + k, lane, totals[k][lane] * signs[lane]);
    }
  }
}

// The cotangent of the state: 2 x sum_k cotangent_k sign_k(row); given(k) has those of all lanes.
template <typename T, typename Given>
void pull_back_sums(const Amplitudes<T>* state, Amplitudes<T>* cotangent, const ZString* strings,
                    int num_strings, const Layout& layout, Given given) {
  for (int done = 0; done == 0 || done < num_strings; done += kStringsAtOnce) {
    const int count = num_strings - done < kStringsAtOnce ? num_strings - done : kStringsAtOnce;
    uint32_t high[kStringsAtOnce];
    Vector<T> weights[kStringsAtOnce];
    for (int k = 0; k < count; ++k) {
      high[k] = strings[done + k].mask >> layout.lane_bits;
      weights[k] = lane_signs<T>(strings[done + k], layout) * given(done + k) * T(2);
    }
    for (int64_t v = 0; v < layout.vectors(); ++v) {
      Vector<T> weight{};
      for (int k = 0; k < count; ++k)
        weight += parity(uint32_t(v) & high[k]) ? -weights[k] : weights[k];
      const Amplitudes<T> part = {weight * state[v].re, weight * state[v].im};
      cotangent[v] = done == 0 ? part : cotangent[v] + part;
    }
  }
}

}  // namespace qjax::QJAX_ISA
