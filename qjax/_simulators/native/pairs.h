// Steps that mix pairs of rows: new[p] = A_r old[p] + B_r old[p ^ difference], r the class of p.
#pragma once

#include "blocks.h"
#include "entries.h"
#include "lanes.h"
#include "layout.h"

namespace qjax::QJAX_ISA {

constexpr int kMaxControls = 32;

// A step, for vectors of rows or of samples: entries by the class of a vector, which is that of its
// first lane; the other lanes may belong to other classes.
template <typename T> struct Pairs {
  Amplitudes<T> own[kMaxClasses], other[kMaxClasses];
  uint32_t difference;  // of vectors of the block
  int lane_distance;    // of lanes
  Mask<T> lanes;
  uint32_t masks[2], masks_of_state[2];
  int num_masks, offset, difference_class;
  int num_controls;
  uint32_t control_masks[kMaxControls], control_masks_of_state[kMaxControls];
  int control_offsets[kMaxControls];
  Mask<T> met[kMaxControls][2];  // lanes that meet a control, by the parity of the vector

  Pairs() {}  // not even zeros: `place` and `set_entries` set what is read

  int class_of(uint32_t vector) const {
    int found = offset ^ parity(vector & masks[0]);
    if (num_masks == 2) found ^= parity(vector & masks[1]) << 1;
    return found;
  }
  Mask<T> meets(uint32_t vector) const {
    Mask<T> all = ~Mask<T>{};
    for (int k = 0; k < num_controls; ++k)
      all &= met[k][parity(vector & control_masks[k]) ^ control_offsets[k]];
    return all;
  }
  // Vectors whose pairs are all classes 0 and 1 of one mask, so that entries stay in registers.
  bool is_simple() const { return num_masks == 1 && difference_class == 1 && num_controls == 0; }
};

inline int class_of_lane(const Step& step, int lane) {
  int found = parity(lane & step.masks[0]);
  if (step.num_masks == 2) found ^= parity(lane & step.masks[1]) << 1;
  return found;
}

// Where the step finds its rows in a block; the entries are set by `set_entries`.
template <typename T>
void place(Pairs<T>& pairs, const Step& step, const Control* controls, const Layout& layout,
           const Span& span) {
  const int bits = layout.lane_bits;
  const uint32_t low = (1u << bits) - 1;
  pairs.difference = span.coordinates_of(uint32_t(step.difference) >> bits);
  pairs.lane_distance = step.difference & low;
  pairs.lanes = lanes_at<T>(pairs.lane_distance);
  pairs.num_masks = step.num_masks;
  for (int k = 0; k < 2; ++k) {
    pairs.masks_of_state[k] = uint32_t(step.masks[k]) >> bits;
    pairs.masks[k] = span.mask_of(pairs.masks_of_state[k]);
  }
  pairs.offset = 0;
  pairs.difference_class = pairs.class_of(pairs.difference);
  pairs.offset = step.offset;
  pairs.num_controls = step.num_controls;
  for (int k = 0; k < step.num_controls; ++k) {
    const Control& control = controls[step.first_control + k];
    pairs.control_masks_of_state[k] = uint32_t(control.mask) >> bits;
    pairs.control_masks[k] = span.mask_of(pairs.control_masks_of_state[k]);
    pairs.control_offsets[k] = 0;
    for (int lane = 0; lane < kLanes<T>; ++lane)
      for (int high = 0; high < 2; ++high)
        pairs.met[k][high][lane] =
            (parity(lane & (control.mask & low)) ^ high) == control.value ? -1 : 0;
  }
}

// The same step, in the block that begins at a vector of the state.
template <typename T> Pairs<T> moved(Pairs<T> pairs, uint32_t origin) {
  for (int k = 0; k < pairs.num_masks; ++k)
    pairs.offset ^= parity(origin & pairs.masks_of_state[k]) << k;
  for (int k = 0; k < pairs.num_controls; ++k)
    pairs.control_offsets[k] = parity(origin & pairs.control_masks_of_state[k]);
  return pairs;
}

// Entries of the same numbers in all lanes that belong to a class.
template <typename T>
void set_entries(Pairs<T>& pairs, const Entries<double>& entries, const Step& step,
                 const Layout& layout) {
  for (int r = 0; r < 1 << step.num_masks; ++r)
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const int of_lane = layout.lane_bits ? r ^ class_of_lane(step, lane) : r;
      pairs.own[r].re[lane] = T(entries.own[of_lane].re);
      pairs.own[r].im[lane] = T(entries.own[of_lane].im);
      pairs.other[r].re[lane] = T(entries.other[of_lane].re);
      pairs.other[r].im[lane] = T(entries.other[of_lane].im);
    }
}

// Entries that differ per sample, where lanes are samples.
template <typename T>
void set_entries(Pairs<T>& pairs, const Entries<Vector<T>>& entries, const Step& step,
                 const Layout&) {
  for (int r = 0; r < 1 << step.num_masks; ++r) {
    pairs.own[r] = {entries.own[r].re, entries.own[r].im};
    pairs.other[r] = {entries.other[r].re, entries.other[r].im};
  }
}

// Cotangents of the entries, summed over the vectors of each class.
template <typename T> struct PairSums {
  Amplitudes<T> own[kMaxClasses], other[kMaxClasses];
};

template <typename T>
Entries<double> summed(const PairSums<T>& sums, const Step& step, const Layout& layout) {
  Entries<double> g = {};
  for (int r = 0; r < 1 << step.num_masks; ++r)
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const int of_lane = layout.lane_bits ? r ^ class_of_lane(step, lane) : r;
      g.own[of_lane].re += sums.own[r].re[lane];
      g.own[of_lane].im += sums.own[r].im[lane];
      g.other[of_lane].re += sums.other[r].re[lane];
      g.other[of_lane].im += sums.other[r].im[lane];
    }
  return g;
}

template <typename T>
Entries<Vector<T>> by_sample(const PairSums<T>& sums, const Step& step) {
  Entries<Vector<T>> g = {};
  for (int r = 0; r < 1 << step.num_masks; ++r) {
    g.own[r] = {sums.own[r].re, sums.own[r].im};
    g.other[r] = {sums.other[r].re, sums.other[r].im};
  }
  return g;
}

// ---------------------------------------------------------------- loops

template <bool kShuffles, typename T>
inline Amplitudes<T> partner(const Amplitudes<T>& x, Mask<T> lanes) {
  if constexpr (kShuffles) return {shuffled<T>(x.re, lanes), shuffled<T>(x.im, lanes)};
  return x;
}

template <typename T>
inline Amplitudes<T> chosen(Mask<T> where, const Amplitudes<T>& x, const Amplitudes<T>& y) {
  return {where ? x.re : y.re, where ? x.im : y.im};
}

// body(first, second) for each pair of vectors.
template <typename Body>
inline void each_pair(uint32_t difference, uint32_t vectors, Body body) {
  const uint32_t pivot = highest_bit(difference);
  for (uint32_t k = 0; k < vectors / 2; ++k) {
    const uint32_t first = with_zero(k, pivot);
    body(first, first ^ difference);
  }
}

template <bool kShuffles, typename T>
void apply_simple(const Pairs<T>& pairs, uint32_t vectors, Amplitudes<T>* state) {
  const Amplitudes<T> a = pairs.own[0], b = pairs.other[0], c = pairs.other[1], d = pairs.own[1];
  const Mask<T> lanes = pairs.lanes;
  each_pair(pairs.difference, vectors, [&](uint32_t first, uint32_t second) {
    const uint32_t flip = (0u - uint32_t(pairs.class_of(first))) & pairs.difference;
    const uint32_t zero = first ^ flip, one = second ^ flip;
    const Amplitudes<T> x = state[zero], y = state[one];
    state[zero] = combined(a, x, b, partner<kShuffles>(y, lanes));
    state[one] = combined(d, y, c, partner<kShuffles>(x, lanes));
  });
}

template <bool kShuffles, typename T>
void pull_back_simple(const Pairs<T>& inverse, uint32_t vectors, Amplitudes<T>* state,
    Amplitudes<T>* cotangent, PairSums<T>& sums) {
  const Amplitudes<T> a = inverse.own[0], b = inverse.other[0], c = inverse.other[1],
                      d = inverse.own[1];
  const Mask<T> lanes = inverse.lanes;
  PairSums<T> local = sums;
  each_pair(inverse.difference, vectors, [&](uint32_t first, uint32_t second) {
    const uint32_t flip = (0u - uint32_t(inverse.class_of(first))) & inverse.difference;
    const uint32_t zero = first ^ flip, one = second ^ flip;
    const Amplitudes<T> to_x = cotangent[zero], to_y = cotangent[one];
    {
      const Amplitudes<T> after_x = state[zero], after_y = state[one];
      const Amplitudes<T> x = combined(a, after_x, b, partner<kShuffles>(after_y, lanes));
      const Amplitudes<T> y = combined(d, after_y, c, partner<kShuffles>(after_x, lanes));
      state[zero] = x;
      state[one] = y;
      add_outer(local.own[0], to_x, x);
      add_outer(local.other[0], to_x, partner<kShuffles>(y, lanes));
      add_outer(local.other[1], to_y, partner<kShuffles>(x, lanes));
      add_outer(local.own[1], to_y, y);
    }
    cotangent[zero] = combined(a, to_x, b, partner<kShuffles>(to_y, lanes));
    cotangent[one] = combined(d, to_y, c, partner<kShuffles>(to_x, lanes));
  });
  sums = local;
}

// One member of a pair in the general case: its class decides, and where its controls are met.
template <typename T>
inline Amplitudes<T> stepped(const Pairs<T>& pairs, uint32_t vector, const Amplitudes<T>& x,
                             const Amplitudes<T>& partner_of_x) {
  const int r = pairs.class_of(vector);
  const Amplitudes<T> result = combined(pairs.own[r], x, pairs.other[r], partner_of_x);
  return pairs.num_controls == 0 ? result : chosen<T>(pairs.meets(vector), result, x);
}

template <typename T>
inline void add_cotangents(const Pairs<T>& pairs, PairSums<T>& sums, uint32_t vector,
                           Amplitudes<T> to_x, const Amplitudes<T>& x,
                           const Amplitudes<T>& partner_of_x) {
  if (pairs.num_controls != 0) to_x = chosen<T>(pairs.meets(vector), to_x, Amplitudes<T>{});
  const int r = pairs.class_of(vector);
  add_outer(sums.own[r], to_x, x);
  add_outer(sums.other[r], to_x, partner_of_x);
}

template <typename T>
void apply_general(const Pairs<T>& pairs, uint32_t vectors, Amplitudes<T>* state) {
  const Mask<T> lanes = pairs.lanes;
  if (pairs.difference == 0) {
    for (uint32_t v = 0; v < vectors; ++v)
      state[v] = stepped(pairs, v, state[v], partner<true>(state[v], lanes));
    return;
  }
  each_pair(pairs.difference, vectors, [&](uint32_t first, uint32_t second) {
    const Amplitudes<T> x = state[first], y = state[second];
    state[first] = stepped(pairs, first, x, partner<true>(y, lanes));
    state[second] = stepped(pairs, second, y, partner<true>(x, lanes));
  });
}

template <typename T>
void pull_back_general(const Pairs<T>& inverse, uint32_t vectors, Amplitudes<T>* state,
    Amplitudes<T>* cotangent, PairSums<T>& sums) {
  const Mask<T> lanes = inverse.lanes;
  if (inverse.difference == 0) {
    for (uint32_t v = 0; v < vectors; ++v) {
      const Amplitudes<T> to_x = cotangent[v];
      const Amplitudes<T> x = stepped(inverse, v, state[v], partner<true>(state[v], lanes));
      add_cotangents(inverse, sums, v, to_x, x, partner<true>(x, lanes));
      state[v] = x;
      cotangent[v] = stepped(inverse, v, to_x, partner<true>(to_x, lanes));
    }
    return;
  }
  each_pair(inverse.difference, vectors, [&](uint32_t first, uint32_t second) {
    const Amplitudes<T> after_x = state[first], after_y = state[second];
    const Amplitudes<T> to_x = cotangent[first], to_y = cotangent[second];
    const Amplitudes<T> x = stepped(inverse, first, after_x, partner<true>(after_y, lanes));
    const Amplitudes<T> y = stepped(inverse, second, after_y, partner<true>(after_x, lanes));
    add_cotangents(inverse, sums, first, to_x, x, partner<true>(y, lanes));
    add_cotangents(inverse, sums, second, to_y, y, partner<true>(x, lanes));
    state[first] = x;
    state[second] = y;
    cotangent[first] = stepped(inverse, first, to_x, partner<true>(to_y, lanes));
    cotangent[second] = stepped(inverse, second, to_y, partner<true>(to_x, lanes));
  });
}

template <typename T> void apply(const Pairs<T>& pairs, uint32_t vectors, Amplitudes<T>* state) {
  if (!pairs.is_simple()) return apply_general(pairs, vectors, state);
  if (pairs.lane_distance) return apply_simple<true>(pairs, vectors, state);
  apply_simple<false>(pairs, vectors, state);
}

// Undo a step, given its inverse, and take the cotangent through it.
template <typename T>
void pull_back(const Pairs<T>& inverse, uint32_t vectors, Amplitudes<T>* state,
    Amplitudes<T>* cotangent, PairSums<T>& sums) {
  if (!inverse.is_simple()) return pull_back_general(inverse, vectors, state, cotangent, sums);
  if (inverse.lane_distance)
    return pull_back_simple<true>(inverse, vectors, state, cotangent, sums);
  pull_back_simple<false>(inverse, vectors, state, cotangent, sums);
}

}  // namespace qjax::QJAX_ISA
