// Steps that give phases to rows: exp(i sum_j weight_j angle_j (-1)^parity(p & mask_j)).
//
// Some terms at a time: a table has the phase for every setting of their parities, built by
// doubling, one complex product per entry. Vectors are rows or samples: see layout.h.
#pragma once

#include "blocks.h"
#include "entries.h"
#include "lanes.h"
#include "layout.h"

namespace qjax::QJAX_ISA {

constexpr int kTermsAtOnce = 6;
constexpr int kInner = 64;  // vectors whose settings are looked up in one small table

template <typename T> struct PhaseTable {
  int num_terms;
  uint32_t masks[kTermsAtOnce];   // of vectors of the block
  uint32_t masks_of_state[kTermsAtOnce];
  Vector<T> signs[kTermsAtOnce];  // of lanes
  Amplitudes<T> phases[1 << kTermsAtOnce];
  uint8_t inner[kInner];

  int setting_of(uint32_t vector) const { return setting_by(masks, vector); }
  // Of all vectors of the block that begins at a vector of the state.
  int setting_at(uint32_t origin) const { return setting_by(masks_of_state, origin); }
  int setting_by(const uint32_t* masks, uint32_t vector) const {
    int setting = 0;
    for (int j = 0; j < num_terms; ++j) setting |= parity(vector & masks[j]) << j;
    return setting;
  }
};

// phase_of(term): the angle of a term times its weight, in each lane.
template <typename T, typename PhaseOf>
void build(PhaseTable<T>& table, const Term* terms, int num_terms, const Layout& layout,
           const Span& span, PhaseOf phase_of) {
  table.num_terms = num_terms;
  table.phases[0] = {splat<T>(1), Vector<T>{}};
  for (int j = 0; j < num_terms; ++j) {
    const uint32_t mask = terms[j].mask;
    table.masks_of_state[j] = mask >> layout.lane_bits;
    table.masks[j] = span.mask_of(table.masks_of_state[j]);
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

// body(vector, setting) for all vectors of a block; `origin` is the setting where it begins.
template <typename T, typename Body>
inline void each_vector(const PhaseTable<T>& table, int origin, uint32_t vectors, Body body) {
  for (uint32_t outer = 0; outer < vectors; outer += kInner) {
    const int base = origin ^ table.setting_of(outer);
    const uint32_t count = std::min<uint32_t>(vectors - outer, kInner);
    for (uint32_t v = 0; v < count; ++v) body(outer + v, base ^ table.inner[v]);
  }
}

template <typename T>
void apply(const PhaseTable<T>& table, int origin, uint32_t vectors, Amplitudes<T>* state) {
  each_vector(table, origin, vectors,
              [&](uint32_t v, int setting) { state[v] = times(table.phases[setting], state[v]); });
}

// Undo the phases, and add up, for each setting, the cotangent of the phase: Re(conj(to_x) i x).
template <typename T>
void pull_back(const PhaseTable<T>& table, int origin, uint32_t vectors, Amplitudes<T>* state,
               Amplitudes<T>* cotangent, Vector<T>* sums) {
  each_vector(table, origin, vectors, [&](uint32_t v, int setting) {
    const Amplitudes<T> back = {table.phases[setting].re, -table.phases[setting].im};
    const Amplitudes<T> x = state[v], to_x = cotangent[v];
    sums[setting] += to_x.im * x.re - to_x.re * x.im;
    state[v] = times(back, x);
    cotangent[v] = times(back, to_x);
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
