// <P> of Pauli strings, and the cotangent of the state.
//
// Strings in a row with one difference d share the products conj(state[p]) state[p ^ d], of which
// each takes the real or the imaginary parts with signs of its own:
//
//   <P> = sum_p (-1)^parity(p & mask) part(conj(state[p]) state[p ^ d])
//
// Some vectors in a row are looked at together. Many strings have the signs of each one's low bits
// from one Walsh-Hadamard transform; of the high bits there is one sign for all of those vectors.
// Row p ^ d gives the same number as row p, so that where d has high bits half of them are enough.
#pragma once

#include <algorithm>
#include <vector>

#include "layout.h"
#include "patterns.h"
#include "pauli_strings.h"

namespace qjax::QJAX_ISA {

constexpr int kFewStrings = 4;  // are summed one by one, without the transform
constexpr int kStringsAtOnce = 64;

// The strings of one group that are summed at once.
template <typename T> struct StringGroup {
  int first, count;
  uint32_t high;  // of the difference: bits of a vector's number
  int low;        // of the difference: bits of a lane
  Mask<T> lanes;
  bool is_imaginary;
};

// Re and Im of conj(x) y.
template <typename T> inline Vector<T> real_product(const Amplitudes<T>& x, const Amplitudes<T>& y) {
  return x.re * y.re + x.im * y.im;
}
template <typename T>
inline Vector<T> imaginary_product(const Amplitudes<T>& x, const Amplitudes<T>& y) {
  return x.re * y.im - x.im * y.re;
}

// to += f y, and to += -i f y.
template <typename T>
inline void add_real(Amplitudes<T>& to, const Vector<T>& f, const Amplitudes<T>& y) {
  to = {to.re + f * y.re, to.im + f * y.im};
}
template <typename T>
inline void add_imaginary(Amplitudes<T>& to, const Vector<T>& f, const Amplitudes<T>& y) {
  to = {to.re + f * y.im, to.im - f * y.re};
}

template <typename T> class PauliSums {
 public:
  PauliSums(const PauliString* strings, int num_strings, const Layout& layout)
      : strings_(strings), bits_(layout.lane_bits) {
    block_ = int(std::min<int64_t>(kPatterns, layout.vectors()));
    for (int first = 0, last; first < num_strings; first = last) {
      last = first + 1;
      while (last < num_strings && last - first < kStringsAtOnce && alike(first, last)) ++last;
      const uint32_t difference = strings[first].difference;
      const int low = int(difference & ((1u << bits_) - 1));
      groups_.push_back({first, last - first, difference >> bits_, low, lanes_at<T>(low),
                         strings[first].is_imaginary});
    }
  }

  // Vectors from `start` to `stop`, of whole blocks: take(k, sums) for string k, a sum in each lane.
  template <typename Take>
  void sum(const Amplitudes<T>* state, int64_t start, int64_t stop, Take take) const {
    for (const StringGroup<T>& group : groups_) {
      double totals[kStringsAtOnce][kLanes<T>];
      std::fill_n(totals[0], group.count * kLanes<T>, 0.0);
      const int64_t half = group.high < uint32_t(block_) ? 0 : highest_bit(group.high);
      for (int64_t first = start; first < stop; first += block_)
        if (!(first & half)) add_block(group, state, first, totals);
      for (int k = 0; k < group.count; ++k) {
        const Vector<T> signs = lane_signs(group.first + k);
        for (int lane = 0; lane < kLanes<T>; ++lane)
          totals[k][lane] *= half ? 2 * signs[lane] : signs[lane];
        take(group.first + k, totals[k]);
      }
    }
  }

  // cotangent = 2 sum_k weights[k] P_k state, for the vectors from `start` to `stop`; the weights
  // are those that `weight` has made of what is given.
  void pull_back(const Amplitudes<T>* state, const std::vector<Vector<T>>& weights, int64_t start,
                 int64_t stop, Amplitudes<T>* cotangent) const {
    for (int64_t first = start; first < stop; first += block_) {
      std::fill_n(cotangent + first, block_, Amplitudes<T>{});
      for (const StringGroup<T>& group : groups_)
        add_products(group, state, weights, first, cotangent);
    }
  }

  Vector<T> weight(int k, Vector<T> given) const { return T(2) * given * lane_signs(k); }

 private:
  bool alike(int one, int other) const {
    return strings_[one].difference == strings_[other].difference &&
           strings_[one].is_imaginary == strings_[other].is_imaginary;
  }

  static int64_t highest_bit(uint32_t x) { return int64_t(1) << (31 - __builtin_clz(x)); }

  // The sign of a string in each lane, for the first vector.
  Vector<T> lane_signs(int k) const {
    Vector<T> signs;
    const PauliString& string = strings_[k];
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const int odd = bits_ ? parity(lane & string.mask) : 0;
      signs[lane] = odd ^ int(string.is_negative) ? T(-1) : T(1);
    }
    return signs;
  }

  // The part of a string's mask that differs within a block.
  int pattern(int k) const { return int(strings_[k].mask >> bits_ & uint32_t(block_ - 1)); }

  // The sign that a string has in a block, beside its pattern.
  T block_sign(int k, int64_t first) const {
    return parity(strings_[k].mask >> bits_ & uint32_t(first)) ? T(-1) : T(1);
  }

  // body(partner), where partner(j) has the rows that those of vector first + j are paired with.
  template <typename Body>
  static void with_partner(const StringGroup<T>& group, const Amplitudes<T>* state, int64_t first,
                           Body body) {
    const int64_t high = group.high;
    if (group.low == 0) {
      body([=](int j) { return state[(first + j) ^ high]; });
      return;
    }
    const Mask<T> lanes = group.lanes;
    body([=](int j) {
      const Amplitudes<T>& y = state[(first + j) ^ high];
      return Amplitudes<T>{shuffled<T>(y.re, lanes), shuffled<T>(y.im, lanes)};
    });
  }

  void add_block(const StringGroup<T>& group, const Amplitudes<T>* state, int64_t first,
                 double (*totals)[kLanes<T>]) const {
    Vector<T> products[kPatterns];
    with_partner(group, state, first, [&](auto partner) {
      const Amplitudes<T>* x = state + first;
      if (group.is_imaginary)
        for (int j = 0; j < block_; ++j) products[j] = imaginary_product(x[j], partner(j));
      else
        for (int j = 0; j < block_; ++j) products[j] = real_product(x[j], partner(j));
    });
    const bool is_few = group.count <= kFewStrings;
    if (!is_few) transform<T>(products, block_);
    for (int k = 0; k < group.count; ++k) {
      const int string = group.first + k;
      Vector<T> sum{};
      if (is_few) {
        const T* signs = kSigns<T>.of[pattern(string)];
        for (int j = 0; j < block_; ++j) sum += products[j] * signs[j];
      } else {
        sum = products[pattern(string)];
      }
      const double sign = block_sign(string, first);
      for (int lane = 0; lane < kLanes<T>; ++lane) totals[k][lane] += sign * sum[lane];
    }
  }

  void add_products(const StringGroup<T>& group, const Amplitudes<T>* state,
                    const std::vector<Vector<T>>& weights, int64_t first,
                    Amplitudes<T>* cotangent) const {
    Amplitudes<T>* to = cotangent + first;
    with_partner(group, state, first, [&](auto partner) {
      with_factors(group, weights, first, [&](auto factor) {
        if (group.is_imaginary)
          for (int j = 0; j < block_; ++j) add_imaginary(to[j], factor(j), partner(j));
        else
          for (int j = 0; j < block_; ++j) add_real(to[j], factor(j), partner(j));
      });
    });
  }

  // body(factor), where factor(j) = sum_k weights[k] (-1)^parity(p & mask_k) of vector first + j.
  template <typename Body>
  void with_factors(const StringGroup<T>& group, const std::vector<Vector<T>>& weights,
                    int64_t first, Body body) const {
    if (group.count == 1) {
      const Vector<T> weight = weights[group.first] * block_sign(group.first, first);
      const T* signs = kSigns<T>.of[pattern(group.first)];
      body([=](int j) { return weight * signs[j]; });
      return;
    }
    Vector<T> factors[kPatterns] = {};
    for (int k = group.first; k < group.first + group.count; ++k)
      factors[pattern(k)] += weights[k] * block_sign(k, first);
    transform<T>(factors, block_);
    body([&](int j) { return factors[j]; });
  }

  const PauliString* strings_;
  int bits_;   // of the number of a lane
  int block_;  // vectors
  std::vector<StringGroup<T>> groups_;
};

}  // namespace qjax::QJAX_ISA
