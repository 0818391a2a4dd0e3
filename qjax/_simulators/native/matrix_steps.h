// Steps that are matrices, of numbers or of an axis rotation: they run on the whole state of a
// tile, in parts that threads share, whose number depends on the state alone.
#pragma once

#include "axis_rotations.h"
#include "kernels.h"
#include "matrices.h"

namespace qjax::QJAX_ISA {

// What matrices act on.
template <typename T> struct MatrixSteps {
  Source<T> source;
  const Fork& fork;
  Amplitudes<T>* state;
  Amplitudes<T>* cotangent;
  void run(const Step& step, bool back) const;
};

template <typename Steps> bool is_axis_rotation(const Steps& steps, const Step& step) {
  return steps.source.program.factors[step.first].kind == FactorKind::kAxis;
}

template <typename T, typename Steps>
MatrixTable<T>& matrix_table(const Coset<T>& coset, const Steps& steps, const Step& step,
                           bool inverse) {
  auto& table = matrix_memory<T, 0>(size_t(coset.settings) * coset.settings);
  if (is_axis_rotation(steps, step))
    fill_axis_rotation(table, coset, steps, step, inverse);
  else
    fill_constant(table, coset, steps, step, inverse);
  return table;
}

constexpr int64_t kMostMatrixParts = 16;

// body(part, first coset, last coset)
template <typename T, typename Steps, typename Body>
void each_part(const Steps& steps, const Coset<T>& coset, int repeats, Body body) {
  const int64_t cosets = steps.source.layout.vectors() / coset.size;
  const int64_t parts = std::min(cosets, kMostMatrixParts);
  // A rotation takes the time of a matrix of two settings.
  const int64_t work = repeats * steps.source.layout.vectors() * kLanes<T> * coset.settings / 2;
  steps.fork(parts, work / parts, [&](int64_t part) {
    body(part, cosets * part / parts, cosets * (part + 1) / parts);
  });
}

template <typename T> Amplitudes<T>* coset_memory() {
  return matrix_memory<T, 2>(2 * kMaxSettings).data();
}

template <typename T, typename Steps> void apply_matrix(const Steps& steps, const Step& step) {
  Coset<T> coset;
  place(coset, step, steps.source.program.targets + step.masks[0], steps.source.layout);
  const Conditions<T> conditions(step, steps.source.program.controls, steps.source.layout);
  const auto& table = matrix_table(coset, steps, step, false);
  each_part(steps, coset, 1, [&](int64_t, int64_t begin, int64_t end) {
    Amplitudes<T>* room = coset_memory<T>();
    each_coset(coset, conditions, begin, end, [&](uint32_t first) {
      mix_coset(coset, table, conditions, first, steps.state, room);
    });
  });
}

// Undo a step, and take the cotangent through it.
template <typename T, typename Steps> void pull_back_matrix(const Steps& steps, const Step& step) {
  constexpr int64_t kSums = 4;  // of an axis rotation
  Coset<T> coset;
  place(coset, step, steps.source.program.targets + step.masks[0], steps.source.layout);
  const Conditions<T> conditions(step, steps.source.program.controls, steps.source.layout);
  const auto& inverse = matrix_table(coset, steps, step, true);
  const bool has_angles = is_axis_rotation(steps, step);
  auto& sums = matrix_memory<T, 1>(kMostMatrixParts * kSums);
  std::fill_n(sums.begin(), kMostMatrixParts * kSums, Amplitudes<T>{});
  each_part(steps, coset, 3, [&](int64_t part, int64_t begin, int64_t end) {
    Amplitudes<T>* room = coset_memory<T>();
    each_coset(coset, conditions, begin, end, [&](uint32_t first) {
      mix_coset(coset, inverse, conditions, first, steps.state, room);
      if (has_angles)
        add_matrix_cotangent(coset, conditions, first, steps.cotangent, steps.state,
                             &sums[part * kSums]);
      mix_coset(coset, inverse, conditions, first, steps.cotangent, room);
    });
  });
  for (int64_t k = kSums; k < kMostMatrixParts * kSums; ++k)
    sums[k % kSums] = sums[k % kSums] + sums[k];
  if (has_angles) pull_back_axis_rotation(sums, coset, steps, step);
}

template <typename T> void MatrixSteps<T>::run(const Step& step, bool back) const {
  back ? pull_back_matrix<T>(*this, step) : apply_matrix<T>(*this, step);
}

}  // namespace qjax::QJAX_ISA
