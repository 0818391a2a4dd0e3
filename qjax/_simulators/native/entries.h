// Factors and their angles -> the entries of a step, and back: cotangents of entries -> of angles.
//
// `N` is a number: double where all samples share the angles, a vector of samples otherwise.
#pragma once

#include "lanes.h"
#include "program.h"
#include "sincos.h"

namespace qjax::QJAX_ISA {

constexpr int kMaxClasses = 4;
constexpr int kMaxFactors = 64;

template <typename N> struct Complex {
  N re, im;
};

template <typename N> inline Complex<N> operator*(Complex<N> a, Complex<N> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <typename N> inline Complex<N> operator+(Complex<N> a, Complex<N> b) {
  return {a.re + b.re, a.im + b.im};
}
template <typename N> inline Complex<N> conj(Complex<N> a) { return {a.re, -a.im}; }

// Of each class: the factor of the row itself, and of the row that it is paired with.
template <typename N> struct Entries {
  Complex<N> own[kMaxClasses], other[kMaxClasses];
};

template <typename N, typename T>
Entries<N> factor_entries(const Factor& factor, const T* numbers, N angle, int classes) {
  Entries<N> e;
  const T* own = numbers + factor.numbers;
  const N zero{};
  N c{}, s{};
  if (factor.kind == FactorKind::kPauli) cos_sin(N(angle * T(0.5)), c, s);
  for (int r = 0; r < classes; ++r) {
    e.other[r] = {zero, zero};
    switch (factor.kind) {
      case FactorKind::kConstant:
        e.own[r] = {zero + own[4 * r], zero + own[4 * r + 1]};
        e.other[r] = {zero + own[4 * r + 2], zero + own[4 * r + 3]};
        break;
      case FactorKind::kPhase:
        cos_sin(N(angle * own[r]), c, s);
        e.own[r] = {c, s};
        break;
      case FactorKind::kPauli: {
        const T re = own[2 * r], im = own[2 * r + 1];
        const bool acts = re != 0 || im != 0;
        e.own[r] = {acts ? c : zero + T(1), zero};
        e.other[r] = {s * re, s * im};
        break;
      }
      case FactorKind::kAxis:  // of blocks only
        break;
    }
  }
  return e;
}

// The cotangent of a factor's angle: Re sum conj(cotangent) d entry / d angle.
template <typename N, typename T>
N angle_cotangent(const Factor& factor, const T* numbers, N angle, int classes,
                  const Entries<N>& g) {
  const T* own = numbers + factor.numbers;
  N sum{}, c{}, s{};
  if (factor.kind == FactorKind::kPauli) cos_sin(N(angle * T(0.5)), c, s);
  for (int r = 0; r < classes; ++r) {
    if (factor.kind == FactorKind::kPhase) {
      cos_sin(N(angle * own[r]), c, s);
      sum += (g.own[r].im * c - g.own[r].re * s) * own[r];
    } else if (factor.kind == FactorKind::kPauli) {
      const T re = own[2 * r], im = own[2 * r + 1];
      if (re == 0 && im == 0) continue;
      sum += ((g.other[r].re * re + g.other[r].im * im) * c - g.own[r].re * s) * T(0.5);
    }
  }
  return sum;
}

// later after earlier, on one qubit: classes 0 and 1.
template <typename N> Entries<N> product(const Entries<N>& later, const Entries<N>& earlier) {
  Entries<N> e;
  for (int r = 0; r < 2; ++r) {
    e.own[r] = later.own[r] * earlier.own[r] + later.other[r] * earlier.other[1 - r];
    e.other[r] = later.own[r] * earlier.other[r] + later.other[r] * earlier.own[1 - r];
  }
  return e;
}

// The inverse: row p takes conj(A_r) of itself, and conj(B) of the row it is paired with.
template <typename N> Entries<N> inverse(const Entries<N>& e, int classes, int pattern) {
  Entries<N> result;
  for (int r = 0; r < classes; ++r) {
    result.own[r] = conj(e.own[r]);
    result.other[r] = conj(e.other[r ^ pattern]);
  }
  return result;
}

// All factors of a step, the first acts first.
template <typename N> struct Chain {
  Entries<N> factors[kMaxFactors];
  N angles[kMaxFactors];
  Entries<N> whole;
};

template <typename N, typename T, typename AngleOf>
void build(Chain<N>& chain, const Step& step, const Program<T>& program, AngleOf angle_of) {
  const int classes = 1 << step.num_masks;
  for (int k = 0; k < step.count; ++k) {
    const Factor& factor = program.factors[step.first + k];
    chain.angles[k] = angle_of(factor);
    chain.factors[k] = factor_entries(factor, program.numbers, chain.angles[k], classes);
    chain.whole = k == 0 ? chain.factors[0] : product(chain.factors[k], chain.whole);
  }
}

// Cotangents of all angles of a chain, from that of its entries: `take(factor, cotangent)`.
template <typename N, typename T, typename Take>
void pull_back(const Chain<N>& chain, Entries<N> g, const Step& step, const Program<T>& program,
               Take take) {
  const int classes = 1 << step.num_masks;
  // before[k]: the product of all factors before factor k.
  Entries<N> before[kMaxFactors];
  for (int k = 1; k < step.count; ++k)
    before[k] = k == 1 ? chain.factors[0] : product(chain.factors[k - 1], before[k - 1]);
  for (int k = step.count - 1; k >= 0; --k) {
    const Factor& factor = program.factors[step.first + k];
    // M = F before: the cotangent of F is g before^H, that of before F^H g.
    const Entries<N> own = k == 0 ? g : product(g, inverse(before[k], 2, 1));
    if (factor.kind != FactorKind::kConstant)
      take(factor, angle_cotangent(factor, program.numbers, chain.angles[k], classes, own));
    if (k > 0) g = product(inverse(chain.factors[k], 2, 1), g);
  }
}

}  // namespace qjax::QJAX_ISA
