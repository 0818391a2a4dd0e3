// exp(-i v.sigma/2) = c - i s v.sigma with c = cos(|v|/2), s = sin(|v|/2)/|v|, and its cotangent.
//
// Near v = 0, by Taylor series in |v|^2: there is no division by |v|, and derivatives are exact.
#pragma once

#include <cmath>

#include "actions.h"
#include "matrices.h"

namespace qjax::QJAX_ISA {

struct AxisRotation {
  double v[3];
  double c, s;
  double t;  // d s / d v_j = t v_j

  explicit AxisRotation(const double (&angles)[3]) : v{angles[0], angles[1], angles[2]} {
    const double q = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    if (q < 1e-3) {
      c = 1 - q / 8 * (1 - q / 48 * (1 - q / 120));
      s = 0.5 - q / 48 * (1 - q / 80 * (1 - q / 168));
      t = -1.0 / 24 + q / 960 * (1 - q / 112);
      return;
    }
    const double norm = std::sqrt(q);
    c = std::cos(norm / 2);
    s = std::sin(norm / 2) / norm;
    t = (c / 2 - s) / q;
  }

  Complex<double> entry(int row, int column) const {
    if (row == column) return {c, row ? v[2] * s : -v[2] * s};
    return {row ? v[1] * s : -v[1] * s, -v[0] * s};
  }

  // d c / d v_j = -s v_j / 2, so that with the parts of the cotangent along 1 and -i sigma_j,
  // one and along[j]: to_v[j] = -s v_j / 2 one + s along[j] + t v_j (v . along).
  void pull_back(const Complex<double> (&g)[2][2], double (&to_v)[3]) const {
    const double one = g[0][0].re + g[1][1].re;
    const double along[3] = {-(g[0][1].im + g[1][0].im), g[1][0].re - g[0][1].re,
                             g[1][1].im - g[0][0].im};
    const double projected = v[0] * along[0] + v[1] * along[1] + v[2] * along[2];
    for (int j = 0; j < 3; ++j)
      to_v[j] = s * (along[j] - v[j] / 2 * one) + t * v[j] * projected;
  }
};

// The rotation of one lane, or the one of all of them.
template <typename Steps> AxisRotation axis_rotation(const Steps& steps, const Step& step, int lane) {
  const Factor* factors = steps.source.program.factors + step.first;
  const auto& samples = steps.source.samples;
  double v[3];
  for (int j = 0; j < 3; ++j)
    v[j] = samples.differ(step.batched) ? samples.lanes(true, factors[j].angle)[lane]
                                        : samples.one(factors[j].batched, factors[j].angle);
  return AxisRotation(v);
}

template <typename T, typename Steps>
void fill_axis_rotation(MatrixTable<T>& table, const Coset<T>& coset, const Steps& steps,
                        const Step& step, bool inverse) {
  const auto entry_of = [&](const AxisRotation& rotation, int row, int column) {
    const Complex<double> e = inverse ? conj(rotation.entry(column, row))
                                      : rotation.entry(row, column);
    return Complex<T>{T(e.re), T(e.im)};
  };
  if (!steps.source.samples.differ(step.batched)) {
    const AxisRotation rotation = axis_rotation(steps, step, 0);
    fill(table, coset, steps.source.layout, [&](int r, int c) { return entry_of(rotation, r, c); });
    return;
  }
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    const AxisRotation rotation = axis_rotation(steps, step, lane);
    for (int r = 0; r < 2; ++r)
      for (int x = 0; x < 2; ++x) {
        const Complex<T> e = entry_of(rotation, r, r ^ x);
        table[2 * r + x].re[lane] = e.re;
        table[2 * r + x].im[lane] = e.im;
      }
  }
}

// From the cotangent of the matrix, in the lanes of a table, to those of the three angles.
template <typename T, typename Steps>
void pull_back_axis_rotation(const MatrixTable<T>& sums, const Coset<T>& coset, const Steps& steps,
                             const Step& step) {
  const Factor* factors = steps.source.program.factors + step.first;
  const bool apart = steps.source.samples.differ(step.batched);
  Complex<double> g[2][2] = {};
  double to_v[3];
  Vector<T> to_lanes[3] = {};
  const auto add_lane = [&](int lane) {
    for (int r = 0; r < 2; ++r)
      for (int x = 0; x < 2; ++x) {
        const int own = r ^ coset.lane_classes[lane];
        g[own][own ^ x].re += sums[2 * r + x].re[lane];
        g[own][own ^ x].im += sums[2 * r + x].im[lane];
      }
  };
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    add_lane(lane);
    if (!apart) continue;
    axis_rotation(steps, step, lane).pull_back(g, to_v);
    for (int j = 0; j < 3; ++j) to_lanes[j][lane] = T(to_v[j]);
    for (auto& row : g) row[0] = row[1] = {};
  }
  if (apart) {
    for (int j = 0; j < 3; ++j) steps.source.samples.add(true, factors[j].angle, to_lanes[j]);
    return;
  }
  axis_rotation(steps, step, 0).pull_back(g, to_v);
  for (int j = 0; j < 3; ++j)
    steps.source.samples.add_one(factors[j].batched, factors[j].angle, to_v[j]);
}

}  // namespace qjax::QJAX_ISA
