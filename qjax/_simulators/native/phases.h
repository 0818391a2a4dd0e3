// Steps that give phases to rows: exp(i sum_j weight_j angle_j (-1)^parity(p & mask_j)).
//
// Some terms at a time: a table has the phase for every setting of their parities, built by
// doubling, one complex product per entry. Vectors are rows or samples: see layout.h.
#pragma once

#include "entries.h"
#include "lanes.h"
#include "layout.h"

namespace qjax::QJAX_ISA {

constexpr int kTermsAtOnce = 5;
constexpr int kInner = 64;  // vectors whose settings are looked up in one small table

template <typename T> struct PhaseTable {
  int num_terms;
  uint32_t masks[kTermsAtOnce];   // of vectors
  Vector<T> signs[kTermsAtOnce];  // of lanes
  Amplitudes<T> phases[1 << kTermsAtOnce];
  uint8_t inner[kInner];

  int setting_of(uint32_t vector) const {
    int setting = 0;
    for (int j = 0; j < num_terms; ++j) setting |= parity(vector & masks[j]) << j;
    return setting;
  }
};

// phase_of(term): the angle of a term times its weight, in each lane.
template <typename T, typename PhaseOf>
void build(PhaseTable<T>& table, const Term* terms, int num_terms, const Layout& layout,
           PhaseOf phase_of) {
  table.num_terms = num_terms;
  table.phases[0] = {splat<T>(1), Vector<T>{}};
  for (int j = 0; j < num_terms; ++j) {
    const uint32_t mask = terms[j].mask;
    table.masks[j] = mask >> layout.lane_bits;
    const uint32_t low = mask & ((1u << layout.lane_bits) - 1);
    for (int lane = 0; lane < kLanes<T>; ++lane)
      table.signs[j][lane] = parity(lane & low) ? T(-1) : T(1);
    Amplitudes<T> factor;
    phase_of(terms[j], factor);
    factor.im *= table.signs[j];
    const Amplitudes<T> flipped = {factor.re, -factor.im};
    for (int setting = 0; setting < 1 << j; ++setting) {
      table.phases[setting | 1 << j] = times(table.phases[setting], flipped);
      table.phases[setting] = times(table.phases[setting], factor);
    }
  }
  for (int v = 0; v < kInner; ++v) table.inner[v] = uint8_t(table.setting_of(v));
}

// body(vector, setting) for all vectors.
template <typename T, typename Body>
inline void each_vector(const PhaseTable<T>& table, int64_t vectors, Body body) {
  for (int64_t outer = 0; outer < vectors; outer += kInner) {
    const int base = table.setting_of(uint32_t(outer));
    const int64_t count = vectors - outer < kInner ? vectors - outer : kInner;
    for (int64_t v = 0; v < count; ++v) body(outer + v, base ^ table.inner[v]);
  }
}

template <typename T>
void apply(const PhaseTable<T>& table, int64_t vectors, Amplitudes<T>* state) {
  each_vector(table, vectors,
              [&](int64_t v, int setting) { state[v] = times(table.phases[setting], state[v]); });
}

// Undo the phases, and sum, for each setting, the cotangent of the phase: Re(conj(to_x) i x).
template <typename T>
void pull_back(const PhaseTable<T>& table, int64_t vectors, Amplitudes<T>* state,
               Amplitudes<T>* cotangent, Vector<T>* sums) {
  Amplitudes<T> back[1 << kTermsAtOnce];
  for (int setting = 0; setting < 1 << table.num_terms; ++setting) {
    back[setting] = {table.phases[setting].re, -table.phases[setting].im};
    sums[setting] = Vector<T>{};
  }
  each_vector(table, vectors, [&](int64_t v, int setting) {
    const Amplitudes<T> x = state[v], to_x = cotangent[v];
    sums[setting] += to_x.im * x.re - to_x.re * x.im;
    state[v] = times(back[setting], x);
    cotangent[v] = times(back[setting], to_x);
  });
}

// The cotangent of one term's phase, in each lane.
template <typename T>
Vector<T> term_sum(const PhaseTable<T>& table, const Vector<T>* sums, int term) {
  Vector<T> total{};
  for (int setting = 0; setting < 1 << table.num_terms; ++setting)
    total += setting >> term & 1 ? -sums[setting] : sums[setting];
  return total * table.signs[term];
}

}  // namespace qjax::QJAX_ISA
