// A step, or some terms of one, with the numbers of its samples: what runs on a sweep's blocks.
#pragma once

#include <variant>

#include "pairs.h"
#include "phases.h"
#include "rotation_loops.h"
#include "samples.h"

namespace qjax::QJAX_ISA {

// Which part of the program: a step of pairs, or some terms of a step of phases.
struct Piece {
  const Step* step;
  const Term* terms;
  int num_terms;
};

template <typename T> struct Action {
  Piece piece;
  std::variant<Rotation<T>, Pairs<T>, PhaseTable<T>> kind;
  int64_t sums;   // where its sums begin
  T weight;       // of its sums, by the scale of the state and that of the cotangent

  int64_t num_sums() const {
    if (std::holds_alternative<Rotation<T>>(kind)) return 1;
    if (const auto* table = std::get_if<PhaseTable<T>>(&kind))
      return int64_t(1) << table->num_terms;
    return sizeof(PairSums<T>) / sizeof(Vector<T>);
  }
};

// What the actions of a tile are made of.
template <typename T> struct Source {
  const Program<T>& program;
  const Layout& layout;
  const Samples<T>& samples;
};

// ---------------------------------------------------------------- rotations

template <typename T>
void set_angle(Rotation<T>& rotation, const Step& step, const Source<T>& source, bool back,
               Scale& scale) {
  const auto& [program, layout, samples] = source;
  const double sign = back ? -0.5 : 0.5;
  const bool is_sum = step.count > 1;
  if (samples.differ(step.batched)) {
    double halves[kLanes<T>] = {};
    for (int k = 0; k < step.count; ++k) {
      const Factor& factor = program.factors[step.first + k];
      const Vector<T> angles = samples.lanes(factor.batched, factor.angle);
      const double half = sign * rotation.direction(k);
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        const double own = half * angles[lane];
        halves[lane] += is_sum ? without_turns(own) : own;
      }
    }
    set_sines(rotation, halves);
    return absorb(rotation, scale.release<T>());
  }
  double half = 0, cosine, sine;
  for (int k = 0; k < step.count; ++k) {
    const Factor& factor = program.factors[step.first + k];
    const double own = samples.one(factor.batched, factor.angle) * (sign * rotation.direction(k));
    half += is_sum ? without_turns(own) : own;
  }
  cos_sin(half, cosine, sine);
  rotation.is_unscaled = scale.may_take(cosine);
  const double factor = rotation.is_unscaled ? 1 / cosine : scale.value();
  const T c = rotation.is_unscaled ? T(1) : T(cosine * factor), s = T(sine * factor);
  set_sines(rotation, splat<T>(c), splat<T>(s));
  scale.divide(std::copysign(std::hypot(double(c), double(s)), factor));
}

template <typename T>
void finish(const Rotation<T>& rotation, const Step& step, const Vector<T>* sums,
            const Source<T>& source) {
  const Vector<T> half = half_sum(rotation, sums) * T(0.5);
  for (int k = 0; k < step.count; ++k) {
    const Factor& factor = source.program.factors[step.first + k];
    const T sign = T(rotation.direction(k));
    source.samples.add(factor.batched, factor.angle, half * sign);
  }
}

// ---------------------------------------------------------------- pairs

// The factors and entries of a step, in numbers N: double, or a vector where samples differ.
template <typename N, typename T>
void build(Chain<N>& chain, const Step& step, const Source<T>& source) {
  build(chain, step, source.program, [&](const Factor& factor) -> N {
    if (factor.kind == FactorKind::kConstant) return N{};
    if constexpr (sizeof(N) == sizeof(double))
      return source.samples.one(factor.batched, factor.angle);
    else
      return source.samples.lanes(factor.batched, factor.angle);
  });
}

template <typename N, typename T>
Entries<N> entries_of(const Step& step, const Source<T>& source, bool back) {
  Chain<N> chain;
  build(chain, step, source);
  return back ? inverse(chain.whole, 1 << step.num_masks, step.pattern) : chain.whole;
}

template <typename T>
void set_entries(Pairs<T>& pairs, const Step& step, const Source<T>& source, bool back,
                 Scale& scale) {
  if (source.samples.differ(step.batched))
    return set_entries(pairs, entries_of<Vector<T>>(step, source, back), step, source.layout);
  Entries<double> entries = entries_of<double>(step, source, back);
  const bool act_on_all = step.num_masks == 1 && step.num_controls == 0;
  if (!act_on_all) return set_entries(pairs, entries, step, source.layout);
  const double factor = scale.is_small<T>() ? scale.value() : 1;
  for (auto* part : {entries.own, entries.other})
    for (int r = 0; r < 2; ++r) part[r] = {part[r].re * factor, part[r].im * factor};
  set_entries(pairs, entries, step, source.layout);
  double squares = 0;
  for (const auto* part : {pairs.own, pairs.other})
    for (int r = 0; r < 2; ++r) squares += square_of(part[r]);
  const double whole = std::sqrt(squares / 2);
  scale.divide(is_rounded<T>(whole / factor, step.count) ? whole : factor);
}

template <typename T>
void finish(const Pairs<T>&, const Step& step, const Vector<T>* given, const Source<T>& source) {
  const auto& [program, layout, samples] = source;
  PairSums<T> sums;
  std::memcpy(&sums, given, sizeof sums);
  if (samples.differ(step.batched)) {
    Chain<Vector<T>> chain;
    build(chain, step, source);
    pull_back(chain, by_sample(sums, step), step, program, [&](const Factor& factor, Vector<T> x) {
      samples.add(factor.batched, factor.angle, x);
    });
  } else {
    Chain<double> chain;
    build(chain, step, source);
    const auto take = [&](const Factor& factor, double x) {
      samples.add_one(factor.batched, factor.angle, x);
    };
    pull_back(chain, summed(sums, step, layout), step, program, take);
  }
}

// ---------------------------------------------------------------- phases

template <typename T>
void build(PhaseTable<T>& table, const Piece& piece, const Source<T>& source, const Span& span,
           Scale& scale) {
  const auto& [program, layout, samples] = source;
  Vector<double> angles{}, cosines{}, sines{};  // of terms
  static_assert(kTermsAtOnce <= kLanes<double>);
  for (int j = 0; j < piece.num_terms; ++j) {
    const Term& term = piece.terms[j];
    if (samples.differ(term.batched)) continue;
    angles[j] = program.numbers[term.weight];
    if (term.angle >= 0) angles[j] *= samples.one(term.batched, term.angle);
  }
  cos_sin(angles, cosines, sines);
  place(table, piece.terms, piece.num_terms, layout, span);
  if (!samples.differ(piece.step->batched)) {
    set_phases(table, cosines, sines);
    return scale.divide(norm_of(table));
  }
  Amplitudes<T> phases[kTermsAtOnce];
  for (int j = 0; j < piece.num_terms; ++j) {
    const Term& term = piece.terms[j];
    if (samples.differ(term.batched))
      cos_sin(samples.lanes(true, term.angle), program.numbers[term.weight], phases[j].re,
              phases[j].im);
    else
      phases[j] = {splat<T>(T(cosines[j])), splat<T>(T(sines[j]))};
  }
  set_phases(table, phases);
}

template <typename T>
void finish(const PhaseTable<T>& table, const Piece& piece, Vector<T>* sums,
            const Source<T>& source) {
  Vector<T> totals[kTermsAtOnce];
  add_up(table, sums, totals);
  for (int j = 0; j < piece.num_terms; ++j) {
    const Term& term = piece.terms[j];
    if (term.angle < 0) continue;
    const Vector<T> x = totals[j] * source.program.numbers[term.weight];
    source.samples.add(term.batched, term.angle, x);
  }
}

// ---------------------------------------------------------------- all of them

template <typename T>
void prepare(Action<T>& action, const Piece& piece, const Source<T>& source, const Span& span,
             bool back, Scale& scale) {
  action.piece = piece;
  action.weight = T(scale.value() * scale.value());
  const Step& step = *piece.step;
  if (step.kind == StepKind::kPhases)
    return build(action.kind.template emplace<PhaseTable<T>>(), piece, source, span, scale);
  auto& rotation = action.kind.template emplace<Rotation<T>>();
  if (place(rotation, step, source.program, source.layout, span))
    return set_angle(rotation, step, source, back, scale);
  auto& pairs = action.kind.template emplace<Pairs<T>>();
  place(pairs, step, source.program.controls, source.layout, span);
  const double before = scale.value();
  set_entries(pairs, step, source, back, scale);
  // Cotangents from before the step meet states from after it.
  action.weight = T(before * scale.value());
}

// Whether an action can take a scale in: pairs leave rows alone whose controls are not met.
template <typename T> bool can_absorb(const Action<T>& action) {
  return !std::holds_alternative<Pairs<T>>(action.kind);
}

template <typename T> void absorb(Action<T>& action, T scale) {
  if (auto* table = std::get_if<PhaseTable<T>>(&action.kind)) return absorb(*table, scale);
  absorb(std::get<Rotation<T>>(action.kind), scale);
}

// From the sums over all vectors to the cotangents of angles.
template <typename T>
void finish(const Action<T>& action, Vector<T>* sums, const Source<T>& source) {
  if (action.weight != 1)
    for (int64_t k = 0; k < action.num_sums(); ++k) sums[k] *= action.weight;
  if (const auto* table = std::get_if<PhaseTable<T>>(&action.kind))
    return finish(*table, action.piece, sums, source);
  if (const auto* rotation = std::get_if<Rotation<T>>(&action.kind))
    return finish(*rotation, *action.piece.step, sums, source);
  finish(std::get<Pairs<T>>(action.kind), *action.piece.step, sums, source);
}

// A block of the state, and of its cotangent.
template <typename T> struct Block {
  Amplitudes<T>* state;
  Amplitudes<T>* cotangent;
  uint32_t origin, vectors;
};

// An action as it is where a block begins.
template <typename T, typename Kind, typename Run>
void run_moved(const Kind& kind, const Block<T>& block, Run run) {
  block.origin == 0 ? run(kind) : run(moved(kind, block.origin));
}

// Rotations and pairs.
template <typename T> void apply(const Action<T>& action, const Block<T>& block) {
  const auto run = [&](const auto& kind) { apply(kind, block.vectors, block.state); };
  if (const auto* rotation = std::get_if<Rotation<T>>(&action.kind))
    return run_moved(*rotation, block, run);
  run_moved(std::get<Pairs<T>>(action.kind), block, run);
}

template <typename T>
void pull_back(const Action<T>& action, const Block<T>& block, Vector<T>* sums) {
  sums += action.sums;
  if (const auto* rotation = std::get_if<Rotation<T>>(&action.kind))
    return run_moved(*rotation, block, [&](const auto& kind) {
      pull_back(kind, block.vectors, block.state, block.cotangent, sums);
    });
  run_moved(std::get<Pairs<T>>(action.kind), block, [&](const auto& kind) {
    pull_back(kind, block.vectors, block.state, block.cotangent,
              *reinterpret_cast<PairSums<T>*>(sums));
  });
}

// N tables of phases in a row, forwards, or backwards where there are sums.
template <int N, typename T>
void run_phases(const Action<T>* actions, const Block<T>& block, Vector<T>* sums) {
  Phases<T, N> phases;
  Vector<T>* own_sums[N];
  for (int t = 0; t < N; ++t) {
    phases.tables[t] = std::get_if<PhaseTable<T>>(&actions[t].kind);
    phases.origins[t] = phases.tables[t]->setting_at(block.origin);
    own_sums[t] = sums + actions[t].sums;
  }
  if (sums == nullptr)
    apply(phases, block.vectors, block.state);
  else
    pull_back(phases, block.vectors, block.state, block.cotangent, own_sums);
}

}  // namespace qjax::QJAX_ISA
