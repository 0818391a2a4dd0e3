// Steps that mix the rows of several targets by a matrix M:
// new[p] = sum_x M[r, r ^ x] old[p ^ d(x)], where r is the setting of the targets in row p, and
// d(x) the sum of the differences of the targets that x flips.
//
// Rows that mix are cosets of the differences' span. Where lanes are rows, a difference moves
// vectors, lanes or both: a coset of vectors is loaded at once, and lanes are shuffled on the way.
#pragma once

#include <algorithm>
#include <vector>

#include "blocks.h"
#include "lanes.h"
#include "layout.h"
#include "program.h"

namespace qjax::QJAX_ISA {

constexpr int kMaxTargets = 6;
constexpr int kMaxSettings = 1 << kMaxTargets;
constexpr int kMostControls = 32;

// Which vectors and lanes a step mixes.
template <typename T> struct Coset {
  int settings;                     // 2^targets
  int size;                         // vectors in a coset
  uint32_t pivots;                  // bits of vectors that are 0 in the first of a coset
  uint32_t members[kMaxSettings];   // what leads from the first vector to each
  int classes[kMaxSettings];        // the change of the setting on the way
  int steps[kMaxSettings];          // x leads from member c to c ^ steps[x]
  Mask<T> lanes[kMaxSettings];      // and from lane k to lane lanes[x][k]
  bool shuffles;
  int lane_classes[kLanes<T>];
  uint32_t masks[kMaxTargets];
  int num_targets, offset;

  int class_of(uint32_t vector) const {
    int found = 0;
    for (int k = 0; k < num_targets; ++k) found |= parity(vector & masks[k]) << k;
    return found;
  }
};

// The members of the span by elimination: each new direction gets the next bit of a member's
// number.
template <typename T>
void set_members(Coset<T>& coset, const Target* targets, const Layout& layout) {
  uint32_t directions[kMaxTargets];  // each is the only one with its pivot
  int pivot_bits[kMaxTargets], rank = 0, step_of[kMaxTargets];
  for (int k = 0; k < coset.num_targets; ++k) {
    uint32_t rest = uint32_t(targets[k].difference) >> layout.lane_bits;
    step_of[k] = 0;
    for (int j = 0; j < rank; ++j)
      if (rest >> pivot_bits[j] & 1) {
        rest ^= directions[j];
        step_of[k] ^= 1 << j;
      }
    if (rest == 0) continue;
    const int pivot = 31 - __builtin_clz(rest);
    for (int j = 0; j < rank; ++j)
      if (directions[j] >> pivot & 1) {
        directions[j] ^= rest;
        // What was direction j is now j and the new one.
        for (int i = 0; i < k; ++i)
          if (step_of[i] >> j & 1) step_of[i] ^= 1 << rank;
        if (step_of[k] >> j & 1) step_of[k] ^= 1 << rank;
      }
    step_of[k] ^= 1 << rank;
    directions[rank] = rest;
    pivot_bits[rank] = pivot;
    coset.pivots |= 1u << pivot;
    ++rank;
  }
  coset.size = 1 << rank;
  for (int c = 0; c < coset.size; ++c) {
    coset.members[c] = 0;
    for (int j = 0; j < rank; ++j)
      if (c >> j & 1) coset.members[c] ^= directions[j];
    coset.classes[c] = coset.class_of(coset.members[c]);
  }
  const uint32_t low = (1u << layout.lane_bits) - 1;
  for (int x = 0; x < coset.settings; ++x) {
    uint32_t distance = 0;
    coset.steps[x] = 0;
    for (int k = 0; k < coset.num_targets; ++k)
      if (x >> k & 1) {
        distance ^= targets[k].difference & low;
        coset.steps[x] ^= step_of[k];
      }
    coset.lanes[x] = lanes_at<T>(int(distance));
    coset.shuffles |= distance != 0;
  }
}

template <typename T>
void place(Coset<T>& coset, const Step& step, const Target* targets, const Layout& layout) {
  coset.num_targets = step.num_masks;
  coset.settings = 1 << step.num_masks;
  coset.pivots = 0;
  coset.shuffles = false;
  coset.offset = 0;
  for (int lane = 0; lane < kLanes<T>; ++lane) coset.lane_classes[lane] = 0;
  for (int k = 0; k < coset.num_targets; ++k) {
    coset.masks[k] = uint32_t(targets[k].mask) >> layout.lane_bits;
    coset.offset |= targets[k].flip << k;
    if (layout.lane_bits)
      for (int lane = 0; lane < kLanes<T>; ++lane)
        coset.lane_classes[lane] |= parity(lane & targets[k].mask) << k;
  }
  set_members(coset, targets, layout);
}

// Where the controls of a step are met: lanes of a vector.
template <typename T> struct Conditions {
  int count;
  bool of_vectors;  // whether all lanes agree, and with them a coset
  uint32_t masks[kMostControls];
  Mask<T> lanes[kMostControls][2];  // by the parity of the vector

  Conditions(const Step& step, const Control* controls, const Layout& layout)
      : count(step.num_controls), of_vectors(layout.lane_bits == 0) {
    const uint32_t low = (1u << layout.lane_bits) - 1;
    for (int k = 0; k < count; ++k) {
      const Control& control = controls[step.first_control + k];
      masks[k] = uint32_t(control.mask) >> layout.lane_bits;
      for (int lane = 0; lane < kLanes<T>; ++lane)
        for (int high = 0; high < 2; ++high)
          lanes[k][high][lane] =
              (parity(lane & control.mask & low) ^ high) == control.value ? -1 : 0;
    }
  }

  Mask<T> met(uint32_t vector) const {
    Mask<T> all = ~Mask<T>{};
    for (int k = 0; k < count; ++k) all &= lanes[k][parity(vector & masks[k])];
    return all;
  }
  // Whether no row of this vector's coset acts.
  bool skips(uint32_t vector) const {
    if (of_vectors)
      for (int k = 0; k < count; ++k)
        if (lanes[k][parity(vector & masks[k])][0] == 0) return true;
    return false;
  }
};

// M[r, r ^ x] at [r * settings + x], for the setting r of a vector's first lane.
template <typename T> using MatrixTable = std::vector<Amplitudes<T>>;

// Memory that each thread keeps; `use` tells tables that are needed at once apart.
template <typename T, int use> MatrixTable<T>& matrix_memory(size_t size) {
  thread_local MatrixTable<T> memory;
  if (memory.size() < size) memory.resize(size);
  return memory;
}

// entry(row, column) is what all lanes have in common, as re and im of any number type.
template <typename T, typename Entry>
void fill(MatrixTable<T>& table, const Coset<T>& coset, const Layout& layout, Entry entry) {
  for (int r = 0; r < coset.settings; ++r)
    for (int x = 0; x < coset.settings; ++x) {
      Amplitudes<T>& to = table[r * coset.settings + x];
      if (!layout.lane_bits) {
        const auto e = entry(r, r ^ x);
        to = {Vector<T>{} + e.re, Vector<T>{} + e.im};
        continue;
      }
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        const int own = r ^ coset.lane_classes[lane];
        const auto e = entry(own, own ^ x);
        to.re[lane] = e.re;
        to.im[lane] = e.im;
      }
    }
}

template <bool kShuffles, typename T>
inline Amplitudes<T> member(const Coset<T>& coset, const Amplitudes<T>* loaded, int c, int x) {
  const Amplitudes<T>& y = loaded[c ^ coset.steps[x]];
  if constexpr (!kShuffles) return y;
  return {shuffled<T>(y.re, coset.lanes[x]), shuffled<T>(y.im, coset.lanes[x])};
}

// Some members of a coset at once, so that their sums do not wait for each other.
template <int kAtOnce, bool kShuffles, typename T>
void mix(const Coset<T>& coset, const Amplitudes<T>* table, int first_class,
         const Amplitudes<T>* loaded, Amplitudes<T>* mixed) {
  for (int c = 0; c < coset.size; c += kAtOnce) {
    Amplitudes<T> sums[kAtOnce] = {};
    const Amplitudes<T>* rows[kAtOnce];
    for (int j = 0; j < kAtOnce; ++j)
      rows[j] = table + (first_class ^ coset.classes[c + j]) * coset.settings;
    for (int x = 0; x < coset.settings; ++x)
      for (int j = 0; j < kAtOnce; ++j)
        sums[j] = sums[j] + times(rows[j][x], member<kShuffles>(coset, loaded, c + j, x));
    for (int j = 0; j < kAtOnce; ++j) mixed[c + j] = sums[j];
  }
}

template <bool kShuffles, typename T>
void mix(const Coset<T>& coset, const Amplitudes<T>* table, int first_class,
         const Amplitudes<T>* loaded, Amplitudes<T>* mixed) {
  if (coset.size >= 4) return mix<4, kShuffles>(coset, table, first_class, loaded, mixed);
  if (coset.size == 2) return mix<2, kShuffles>(coset, table, first_class, loaded, mixed);
  mix<1, kShuffles>(coset, table, first_class, loaded, mixed);
}

// M on the vectors of one coset.
template <typename T>
void mix_coset(const Coset<T>& coset, const MatrixTable<T>& table, const Conditions<T>& conditions,
               uint32_t first, Amplitudes<T>* state, Amplitudes<T>* room) {
  Amplitudes<T>*loaded = room, *mixed = room + coset.size;
  const int first_class = coset.offset ^ coset.class_of(first);
  for (int c = 0; c < coset.size; ++c) loaded[c] = state[first ^ coset.members[c]];
  if (coset.shuffles)
    mix<true>(coset, table.data(), first_class, loaded, mixed);
  else
    mix<false>(coset, table.data(), first_class, loaded, mixed);
  for (int c = 0; c < coset.size; ++c) {
    Amplitudes<T>& to = state[first ^ coset.members[c]];
    to = mixed[c];
    if (conditions.count == 0) continue;
    const Mask<T> met = conditions.met(first ^ coset.members[c]);
    to = {met ? to.re : loaded[c].re, met ? to.im : loaded[c].im};
  }
}

// body(first vector) for those of cosets `number` to `last` that may act.
template <typename T, typename Body>
void each_coset(const Coset<T>& coset, const Conditions<T>& conditions, int64_t number,
                int64_t last, Body body) {
  const uint32_t pivots = coset.pivots;
  uint32_t first = uint32_t(number);
  for (uint32_t left = pivots; left != 0; left &= left - 1) first = with_zero(first, left & -left);
  for (; number < last; ++number, first = ((first | pivots) + 1) & ~pivots)
    if (!conditions.skips(first)) body(first);
}

// The cotangent of M: sum of to_new[p] conj(old[p ^ d(x)]) at [r, r ^ x], laid out as the table.
template <typename T>
void add_matrix_cotangent(const Coset<T>& coset, const Conditions<T>& conditions, uint32_t first,
                         const Amplitudes<T>* cotangent, const Amplitudes<T>* before,
                         Amplitudes<T>* sums) {
  const int first_class = coset.offset ^ coset.class_of(first);
  Amplitudes<T> old[kMaxSettings];
  for (int c = 0; c < coset.size; ++c) old[c] = before[first ^ coset.members[c]];
  for (int c = 0; c < coset.size; ++c) {
    const uint32_t vector = first ^ coset.members[c];
    Amplitudes<T> to_new = cotangent[vector];
    if (conditions.count) {
      const Mask<T> met = conditions.met(vector);
      to_new = {met ? to_new.re : Vector<T>{}, met ? to_new.im : Vector<T>{}};
    }
    Amplitudes<T>* row = sums + (first_class ^ coset.classes[c]) * coset.settings;
    for (int x = 0; x < coset.settings; ++x)
      add_outer(row[x], to_new, member<true>(coset, old, c, x));
  }
}

// A constant matrix: its numbers are re and im, row by row.
template <typename T, typename Steps>
void fill_constant(MatrixTable<T>& table, const Coset<T>& coset, const Steps& steps, const Step& step,
                   bool inverse) {
  struct Entry {
    T re, im;
  };
  const T* numbers = steps.source.program.numbers + steps.source.program.factors[step.first].numbers;
  fill(table, coset, steps.source.layout, [&](int row, int column) -> Entry {
    const T* own = numbers + 2 * (inverse ? column * coset.settings + row
                                          : row * coset.settings + column);
    return {own[0], inverse ? -own[1] : own[1]};
  });
}

}  // namespace qjax::QJAX_ISA
