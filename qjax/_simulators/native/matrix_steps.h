// Steps that are matrices, of numbers or of an axis rotation: they run on the whole state of a tile.
#pragma once

#include "axis_rotations.h"
#include "matrices.h"

namespace qjax::QJAX_ISA {

// The numbers of a steps, as matrices need them.
template <typename T> struct MatrixSteps {
  Source<T> source;
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

template <typename T, typename Steps> void apply_matrix(const Steps& steps, const Step& step) {
  Coset<T> coset;
  place(coset, step, steps.source.program.targets + step.masks[0], steps.source.layout);
  const Conditions<T> conditions(step, steps.source.program.controls, steps.source.layout);
  const auto& table = matrix_table(coset, steps, step, false);
  Amplitudes<T>* room = matrix_memory<T, 2>(2 * kMaxSettings).data();
  each_coset(coset, conditions, steps.source.layout.vectors(), [&](uint32_t first) {
    mix_coset(coset, table, conditions, first, steps.state, room);
  });
}

// Undo a step, and take the cotangent through it.
template <typename T, typename Steps> void pull_back_matrix(const Steps& steps, const Step& step) {
  Coset<T> coset;
  place(coset, step, steps.source.program.targets + step.masks[0], steps.source.layout);
  const Conditions<T> conditions(step, steps.source.program.controls, steps.source.layout);
  const auto& inverse = matrix_table(coset, steps, step, true);
  const bool has_angles = is_axis_rotation(steps, step);
  auto& sums = matrix_memory<T, 1>(4);
  std::fill_n(sums.begin(), 4, Amplitudes<T>{});
  Amplitudes<T>* room = matrix_memory<T, 2>(2 * kMaxSettings).data();
  each_coset(coset, conditions, steps.source.layout.vectors(), [&](uint32_t first) {
    mix_coset(coset, inverse, conditions, first, steps.state, room);
    if (has_angles)
      add_matrix_cotangent(coset, conditions, first, steps.cotangent, steps.state, sums);
    mix_coset(coset, inverse, conditions, first, steps.cotangent, room);
  });
  if (has_angles) pull_back_axis_rotation(sums, coset, steps, step);
}

template <typename T> void MatrixSteps<T>::run(const Step& step, bool back) const {
  back ? pull_back_matrix<T>(*this, step) : apply_matrix<T>(*this, step);
}

}  // namespace qjax::QJAX_ISA
