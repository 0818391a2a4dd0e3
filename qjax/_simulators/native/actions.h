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
  int64_t sums;  // where its sums begin

  int64_t num_sums() const {
    if (std::holds_alternative<Rotation<T>>(kind)) return 2;
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

template <typename T> int direction(const Factor& factor, const Step& step, const T* numbers) {
  Axis axis;
  axis_of(factor, numbers, step.num_masks, axis);
  return axis.flip ? -1 : 1;
}

template <typename T>
void set_angle(Rotation<T>& rotation, const Step& step, const Source<T>& source, bool back) {
  const auto& [program, layout, samples] = source;
  const double sign = back ? -0.5 : 0.5;
  Vector<T> c, s;
  if (samples.differ(step.batched) && step.count == 1) {
    const Factor& factor = program.factors[step.first];
    const T half = T(sign * direction(factor, step, program.numbers));
    cos_sin(Vector<T>(samples.lanes(factor.batched, factor.angle) * half), c, s);
  } else if (samples.differ(step.batched)) {
    double halves[kLanes<T>] = {};  // large angles may cancel
    for (int k = 0; k < step.count; ++k) {
      const Factor& factor = program.factors[step.first + k];
      const Vector<T> angles = samples.lanes(factor.batched, factor.angle);
      const double half = sign * direction(factor, step, program.numbers);
      for (int lane = 0; lane < kLanes<T>; ++lane) halves[lane] += half * angles[lane];
    }
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      c[lane] = T(std::cos(halves[lane]));
      s[lane] = T(std::sin(halves[lane]));
    }
  } else {
    double half = 0, cosine, sine;
    for (int k = 0; k < step.count; ++k) {
      const Factor& factor = program.factors[step.first + k];
      half += samples.one(factor.batched, factor.angle) *
              (sign * direction(factor, step, program.numbers));
    }
    cos_sin(half, cosine, sine);
    c = splat<T>(T(cosine)), s = splat<T>(T(sine));
  }
  set_sines(rotation, c, s);
}

template <typename T>
void finish(const Rotation<T>& rotation, const Step& step, const Vector<T>* sums,
            const Source<T>& source) {
  const Vector<T> half = half_sum(rotation, sums) * T(0.5);
  for (int k = 0; k < step.count; ++k) {
    const Factor& factor = source.program.factors[step.first + k];
    const T sign = direction(factor, step, source.program.numbers);
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
void set_entries(Pairs<T>& pairs, const Step& step, const Source<T>& source, bool back) {
  Chain<N> chain;
  build(chain, step, source);
  const int classes = 1 << step.num_masks;
  set_entries(pairs, back ? inverse(chain.whole, classes, step.pattern) : chain.whole, step,
              source.layout);
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
void build(PhaseTable<T>& table, const Piece& piece, const Source<T>& source, const Span& span) {
  const auto& [program, layout, samples] = source;
  build(table, piece.terms, piece.num_terms, layout, span,
        [&](const Term& term, Amplitudes<T>& factor) {
          const T weight = source.program.numbers[term.weight];
          if (source.samples.differ(term.batched)) {
            const Vector<T> angle = source.samples.lanes(true, term.angle);
            cos_sin(Vector<T>(angle * weight), factor.re, factor.im);
            return;
          }
          double c, s, angle = weight;
          if (term.angle >= 0) angle *= source.samples.one(term.batched, term.angle);
          cos_sin(angle, c, s);
          factor = {splat<T>(T(c)), splat<T>(T(s))};
        });
}

template <typename T>
void finish(const PhaseTable<T>& table, const Piece& piece, const Vector<T>* sums,
            const Source<T>& source) {
  for (int j = 0; j < piece.num_terms; ++j) {
    const Term& term = piece.terms[j];
    if (term.angle < 0) continue;
    const Vector<T> x = term_sum(table, sums, j) * source.program.numbers[term.weight];
    source.samples.add(term.batched, term.angle, x);
  }
}

// ---------------------------------------------------------------- all of them

template <typename T>
void prepare(Action<T>& action, const Piece& piece, const Source<T>& source, const Span& span,
             bool back) {
  action.piece = piece;
  const Step& step = *piece.step;
  if (step.kind == StepKind::kPhases)
    return build(action.kind.template emplace<PhaseTable<T>>(), piece, source, span);
  auto& rotation = action.kind.template emplace<Rotation<T>>();
  if (place(rotation, step, source.program, source.layout, span))
    return set_angle(rotation, step, source, back);
  auto& pairs = action.kind.template emplace<Pairs<T>>();
  place(pairs, step, source.program.controls, source.layout, span);
  if (source.samples.differ(step.batched))
    set_entries<Vector<T>>(pairs, step, source, back);
  else
    set_entries<double>(pairs, step, source, back);
}

// From the sums over all vectors to the cotangents of angles.
template <typename T>
void finish(const Action<T>& action, const Vector<T>* sums, const Source<T>& source) {
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

template <typename T> void apply(const Action<T>& action, const Block<T>& block) {
  if (const auto* table = std::get_if<PhaseTable<T>>(&action.kind))
    return apply(*table, table->setting_at(block.origin), block.vectors, block.state);
  const auto run = [&](const auto& kind) { apply(kind, block.vectors, block.state); };
  if (const auto* rotation = std::get_if<Rotation<T>>(&action.kind))
    return run_moved(*rotation, block, run);
  run_moved(std::get<Pairs<T>>(action.kind), block, run);
}

template <typename T>
void pull_back(const Action<T>& action, const Block<T>& block, Vector<T>* sums) {
  sums += action.sums;
  if (const auto* table = std::get_if<PhaseTable<T>>(&action.kind))
    return pull_back(*table, table->setting_at(block.origin), block.vectors, block.state,
                     block.cotangent, sums);
  if (const auto* rotation = std::get_if<Rotation<T>>(&action.kind))
    return run_moved(*rotation, block, [&](const auto& kind) {
      pull_back(kind, block.vectors, block.state, block.cotangent, sums);
    });
  run_moved(std::get<Pairs<T>>(action.kind), block, [&](const auto& kind) {
    pull_back(kind, block.vectors, block.state, block.cotangent,
              *reinterpret_cast<PairSums<T>*>(sums));
  });
}

}  // namespace qjax::QJAX_ISA
