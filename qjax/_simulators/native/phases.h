// Steps that give phases to rows: exp(i sum_j weight_j angle_j (-1)^parity(p & mask_j)).
//
// Some terms at a time: a table has the phase for every setting of their parities, built by
// doubling, one complex product per entry. Vectors are rows or samples: see layout.h.
#pragma once

#include <algorithm>
#include <cmath>

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

  PhaseTable() {}  // not even zeros: `build` sets what is read
  int setting_of(uint32_t vector) const { return setting_by(masks, vector); }
  // Of all vectors of the block that begins at a vector of the state.
  int setting_at(uint32_t origin) const { return setting_by(masks_of_state, origin); }
  int setting_by(const uint32_t* masks, uint32_t vector) const {
    int setting = 0;
    for (int j = 0; j < num_terms; ++j) setting |= parity(vector & masks[j]) << j;
    return setting;
  }
};

template <typename T>
void place(PhaseTable<T>& table, const Term* terms, int num_terms, const Layout& layout,
           const Span& span) {
  table.num_terms = num_terms;
  for (int j = 0; j < num_terms; ++j) {
    const uint32_t mask = terms[j].mask;
    table.masks_of_state[j] = mask >> layout.lane_bits;
    table.masks[j] = span.mask_of(table.masks_of_state[j]);
    table.signs[j] = signs_of_lanes<T>(mask & ((1u << layout.lane_bits) - 1));
  }
  table.inner[0] = 0;
  for (int bit = 1; bit < kInner; bit *= 2) {
    const int change = table.setting_of(bit);
    for (int v = 0; v < bit; ++v) table.inner[v | bit] = uint8_t(table.inner[v] ^ change);
  }
}

// phases: exp(i weight angle) of each term, in each lane.
template <typename T> void set_phases(PhaseTable<T>& table, const Amplitudes<T>* phases) {
  table.phases[0] = {splat<T>(1), Vector<T>{}};
  for (int j = 0; j < table.num_terms; ++j) {
    const Amplitudes<T> factor = {phases[j].re, phases[j].im * table.signs[j]};
    const Amplitudes<T> flipped = {factor.re, -factor.im};
    for (int setting = 0; setting < 1 << j; ++setting) {
      table.phases[setting | 1 << j] = times(table.phases[setting], flipped);
      table.phases[setting] = times(table.phases[setting], factor);
    }
  }
}

// The same, where lanes share all angles: products are in double, and rounded once.
template <typename T>
void set_phases(PhaseTable<T>& table, const Vector<double>& cosines, const Vector<double>& sines) {
  const int settings = 1 << table.num_terms;
  Complex<double> phases[1 << kTermsAtOnce];
  phases[0] = {1, 0};
  int of_lanes[kLanes<T>] = {};
  for (int j = 0; j < table.num_terms; ++j) {
    for (int setting = 0; setting < 1 << j; ++setting) {
      phases[setting | 1 << j] = phases[setting] * Complex<double>{cosines[j], -sines[j]};
      phases[setting] = phases[setting] * Complex<double>{cosines[j], sines[j]};
    }
    for (int lane = 0; lane < kLanes<T>; ++lane) of_lanes[lane] |= (table.signs[j][lane] < 0) << j;
  }
  for (int setting = 0; setting < settings; ++setting)
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const Complex<double>& phase = phases[setting ^ of_lanes[lane]];
      table.phases[setting].re[lane] = T(phase.re);
      table.phases[setting].im[lane] = T(phase.im);
    }
}

// By what states are scaled, in the mean of all settings. Where no term differs from lane to lane,
// all lanes have the same phases.
template <typename T> double norm_of(const PhaseTable<T>& table) {
  const int settings = 1 << table.num_terms;
  double squares = 0;
  for (int setting = 0; setting < settings; ++setting) squares += square_of(table.phases[setting]);
  return std::sqrt(squares / settings);
}

template <typename T> void absorb(PhaseTable<T>& table, T scale) {
  for (int setting = 0; setting < 1 << table.num_terms; ++setting) {
    table.phases[setting].re *= scale;
    table.phases[setting].im *= scale;
  }
}

// Tables in a row, which vectors pass at once.
template <typename T, int N> struct Phases {
  const PhaseTable<T>* tables[N];
  int origins[N];  // the settings where a block begins

  Amplitudes<T> at(const int (&settings)[N]) const {
    Amplitudes<T> phase = loaded(tables[0]->phases[settings[0]]);
    for (int t = 1; t < N; ++t) phase = times(phase, loaded(tables[t]->phases[settings[t]]));
    return phase;
  }

  // body(vector, settings) for all vectors of a block.
  template <typename Body> void each_vector(uint32_t vectors, Body body) const {
    for (uint32_t outer = 0; outer < vectors; outer += kInner) {
      int bases[N], settings[N];
      for (int t = 0; t < N; ++t) bases[t] = origins[t] ^ tables[t]->setting_of(outer);
      const uint32_t count = std::min<uint32_t>(vectors - outer, kInner);
      for (uint32_t v = 0; v < count; ++v) {
        for (int t = 0; t < N; ++t) settings[t] = bases[t] ^ tables[t]->inner[v];
        body(outer + v, settings);
      }
    }
  }
};

template <typename T, int N>
void apply(const Phases<T, N>& phases, uint32_t vectors, Amplitudes<T>* state) {
  phases.each_vector(vectors, [&](uint32_t v, const int (&settings)[N]) {
    state[v] = times(phases.at(settings), loaded(state[v]));
  });
}

// Undo the phases, and add up, for each setting, the cotangent of the phase: Re(conj(to_x) i x).
template <typename T, int N>
void pull_back(const Phases<T, N>& phases, uint32_t vectors, Amplitudes<T>* state,
               Amplitudes<T>* cotangent, Vector<T>* const (&sums)[N]) {
  phases.each_vector(vectors, [&](uint32_t v, const int (&settings)[N]) {
    const Amplitudes<T> x = loaded(state[v]), to_x = loaded(cotangent[v]);
    const Vector<T> product = to_x.im * x.re - to_x.re * x.im;
    for (int t = 0; t < N; ++t) sums[t][settings[t]] += product;
    const Amplitudes<T> phase = phases.at(settings), back = {phase.re, -phase.im};
    state[v] = times(back, x);
    cotangent[v] = times(back, to_x);
  });
}

// The cotangent of each term's phase, in each lane; `sums` are used up. Folded from the last term
// on: what is left are the sums over its settings.
template <typename T>
void add_up(const PhaseTable<T>& table, Vector<T>* sums, Vector<T> (&totals)[kTermsAtOnce]) {
  for (int term = table.num_terms - 1; term >= 0; --term) {
    Vector<T> total{};
    for (int setting = 0; setting < 1 << term; ++setting) {
      const Vector<T> own = sums[setting], flipped = sums[setting | 1 << term];
      total += own - flipped;
      sums[setting] = own + flipped;
    }
    totals[term] = total * table.signs[term];
  }
}

}  // namespace qjax::QJAX_ISA
