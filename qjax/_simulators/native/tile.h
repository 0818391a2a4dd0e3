// A tile: the states of some samples, which run through the whole program in the cache.
#pragma once

#include <algorithm>

#include "pairs.h"
#include "phases.h"
#include "sums.h"

namespace qjax::QJAX_ISA {

// The angles of a call; batched ones are (angles, batch), the batch last.
template <typename T> struct Angles {
  const T* shared;
  const T* batched;
  int64_t batch;
};

template <typename T> struct Tile {
  const Program<T>& program;
  Layout layout;
  Angles<T> angles;
  int64_t first;  // its first sample
  int64_t count;  // how many there are: one where lanes are rows
  Amplitudes<T>* state;
  Amplitudes<T>* cotangent;   // for reverse mode
  double* shared_cotangents;  // of this tile, to be added to
  T* batched_cotangents;      // of all samples, to be added to

  bool lanes_are_samples() const { return layout.lane_bits == 0; }

  Vector<T> batched_lanes(int angle) const {
    Vector<T> x{};
    const T* row = angles.batched + angle * angles.batch + first;
    for (int64_t k = 0; k < count; ++k) x[k] = row[k];
    return x;
  }
  void add_batched_lanes(int angle, Vector<T> x) const {
    T* row = batched_cotangents + angle * angles.batch + first;
    for (int64_t k = 0; k < count; ++k) row[k] += x[k];
  }
  double one_angle(bool batched, int angle) const {
    return batched ? angles.batched[angle * angles.batch + first] : angles.shared[angle];
  }
  void add_one(bool batched, int angle, double x) const {
    if (batched)
      batched_cotangents[angle * angles.batch + first] += T(x);
    else
      shared_cotangents[angle] += x;
  }

  // ---------------------------------------------------------------- pairs

  template <typename N> Chain<N>& chain_of(const Step& step, Chain<N>& chain) const {
    QJAX_ISA::build(chain, step, program, [&](const Factor& factor) -> N {
      if (factor.kind == FactorKind::kConstant) return N{};
      if constexpr (sizeof(N) == sizeof(double))
        return one_angle(factor.batched, factor.angle);
      else
        return factor.batched ? batched_lanes(factor.angle)
                              : splat<T>(angles.shared[factor.angle]);
    });
    return chain;
  }

  bool by_samples(const Step& step) const { return lanes_are_samples() && step.batched; }

  void apply_pairs(const Step& step) const {
    Pairs<T> pairs;
    place(pairs, step, program.controls, layout);
    if (by_samples(step)) {
      Chain<Vector<T>> chain;
      set_entries(pairs, chain_of(step, chain).whole, step, layout);
    } else {
      Chain<double> chain;
      set_entries(pairs, chain_of(step, chain).whole, step, layout);
    }
    QJAX_ISA::apply(pairs, state);
  }

  void pull_back_pairs(const Step& step) const {
    Pairs<T> pairs;
    PairSums<T> sums;
    place(pairs, step, program.controls, layout);
    const int classes = 1 << step.num_masks;
    if (by_samples(step)) {
      Chain<Vector<T>> chain;
      chain_of(step, chain);
      set_entries(pairs, inverse(chain.whole, classes, step.pattern), step, layout);
      QJAX_ISA::pull_back(pairs, state, cotangent, sums);
      QJAX_ISA::pull_back(chain, by_sample(sums, step), step, program,
                      [&](const Factor& factor, Vector<T> x) {
                        if (factor.batched) return add_batched_lanes(factor.angle, x);
                        for (int64_t k = 0; k < count; ++k) shared_cotangents[factor.angle] += x[k];
                      });
    } else {
      Chain<double> chain;
      chain_of(step, chain);
      set_entries(pairs, inverse(chain.whole, classes, step.pattern), step, layout);
      QJAX_ISA::pull_back(pairs, state, cotangent, sums);
      QJAX_ISA::pull_back(
          chain, summed(sums, step, layout), step, program,
          [&](const Factor& factor, double x) { add_one(factor.batched, factor.angle, x); });
    }
  }

  // ---------------------------------------------------------------- phases

  void table_of(PhaseTable<T>& table, const Term* terms, int num_terms) const {
    QJAX_ISA::build(table, terms, num_terms, layout, [&](const Term& term, Amplitudes<T>& factor) {
      const T weight = program.numbers[term.weight];
      if (term.batched && lanes_are_samples()) {
        cos_sin(Vector<T>(batched_lanes(term.angle) * weight), factor.re, factor.im);
        return;
      }
      double c, s;
      cos_sin(term.angle < 0 ? double(weight) : weight * one_angle(term.batched, term.angle), c, s);
      factor = {splat<T>(T(c)), splat<T>(T(s))};
    });
  }

  void apply_phases(const Step& step) const {
    PhaseTable<T> table;
    for (int done = 0; done < step.count; done += kTermsAtOnce) {
      table_of(table, program.terms + step.first + done, std::min(kTermsAtOnce, step.count - done));
      QJAX_ISA::apply(table, layout.vectors(), state);
    }
  }

  void pull_back_phases(const Step& step) const {
    PhaseTable<T> table;
    Vector<T> sums[1 << kTermsAtOnce];
    for (int done = 0; done < step.count; done += kTermsAtOnce) {
      const Term* terms = program.terms + step.first + done;
      table_of(table, terms, std::min(kTermsAtOnce, step.count - done));
      QJAX_ISA::pull_back(table, layout.vectors(), state, cotangent, sums);
      for (int j = 0; j < table.num_terms; ++j) {
        if (terms[j].angle < 0) continue;
        const Vector<T> x = term_sum(table, sums, j) * program.numbers[terms[j].weight];
        if (terms[j].batched && lanes_are_samples()) {
          add_batched_lanes(terms[j].angle, x);
          continue;
        }
        double total = 0;
        for (int lane = 0; lane < kLanes<T>; ++lane) total += x[lane];
        add_one(terms[j].batched, terms[j].angle, total);
      }
    }
  }

  // ---------------------------------------------------------------- the whole program

  void start() const {
    std::fill(state, state + layout.vectors(), Amplitudes<T>{});
    if (lanes_are_samples())
      state[0].re = splat<T>(1);
    else
      state[0].re[0] = 1;
  }

  void run() const {
    start();
    for (int64_t k = 0; k < program.num_steps; ++k) {
      const Step& step = program.steps[k];
      step.kind == StepKind::kPairs ? apply_pairs(step) : apply_phases(step);
    }
  }

  // From the final state and its cotangent back to the angles, undoing each step on the way.
  void run_back() const {
    for (int64_t k = program.num_steps - 1; k >= 0; --k) {
      const Step& step = program.steps[k];
      step.kind == StepKind::kPairs ? pull_back_pairs(step) : pull_back_phases(step);
    }
  }

  // ---------------------------------------------------------------- sums of probabilities

  // Of strings of Z in the bits of rows; sums are (strings, batch).
  void store_sums(const ZString* strings, int num_strings, T* sums) const {
    for (int k = 0; k < num_strings; ++k) std::fill_n(sums + k * angles.batch + first, count, T(0));
    signed_sums(state, strings, num_strings, layout, [&](int k, int lane, double sum) {
      if (!lanes_are_samples())
        sums[k * angles.batch + first] += T(sum);
      else if (lane < count)
        sums[k * angles.batch + first + lane] = T(sum);
    });
  }

  void load_sums(const ZString* strings, int num_strings, const T* to_sums) const {
    pull_back_sums(state, cotangent, strings, num_strings, layout, [&](int k) {
      const T* row = to_sums + k * angles.batch + first;
      if (!lanes_are_samples()) return splat<T>(row[0]);
      Vector<T> given{};
      for (int64_t j = 0; j < count; ++j) given[j] = row[j];
      return given;
    });
  }

  // ---------------------------------------------------------------- in and out

  // Arrays are (2, rows, batch), rows in the order of basis states.
  template <typename Body> void each_amplitude(Body body) const {
    const int64_t rows = int64_t(1) << layout.num_qubits;
    const int low_bits = layout.num_qubits / 2;
    int32_t low[1 << 14];
    low[0] = 0;
    for (int j = 0; j < low_bits; ++j)
      for (int k = 0; k < 1 << j; ++k) low[k | 1 << j] = low[k] ^ program.columns[j];
    for (int64_t high = 0; high < rows >> low_bits; ++high) {
      int32_t base = program.shift;
      for (int j = low_bits; j < layout.num_qubits; ++j)
        if (high >> (j - low_bits) & 1) base ^= program.columns[j];
      for (int64_t k = 0; k < int64_t(1) << low_bits; ++k) body(high << low_bits | k, base ^ low[k]);
    }
  }

  void store(const Amplitudes<T>* from, T* array) const {
    const int64_t rows = int64_t(1) << layout.num_qubits, plane = rows * angles.batch;
    each_amplitude([&](int64_t row, int64_t basis) {
      T* place = array + basis * angles.batch + first;
      if (lanes_are_samples()) {
        for (int64_t k = 0; k < count; ++k) {
          place[k] = from[row].re[k];
          place[k + plane] = from[row].im[k];
        }
      } else {
        const Amplitudes<T>& x = from[row >> layout.lane_bits];
        const int lane = row & (kLanes<T> - 1);
        place[0] = x.re[lane];
        place[plane] = x.im[lane];
      }
    });
  }

  void load(const T* array, Amplitudes<T>* to) const {
    const int64_t rows = int64_t(1) << layout.num_qubits, plane = rows * angles.batch;
    each_amplitude([&](int64_t row, int64_t basis) {
      const T* place = array + basis * angles.batch + first;
      if (lanes_are_samples()) {
        to[row] = Amplitudes<T>{};
        for (int64_t k = 0; k < count; ++k) {
          to[row].re[k] = place[k];
          to[row].im[k] = place[k + plane];
        }
      } else {
        Amplitudes<T>& x = to[row >> layout.lane_bits];
        const int lane = row & (kLanes<T> - 1);
        x.re[lane] = place[0];
        x.im[lane] = place[plane];
      }
    });
  }
};

}  // namespace qjax::QJAX_ISA
