// Cosines and sines of several angles at once, computed in double.
//
// An angle is a multiple of pi/2 and a rest of at most pi/4, whose polynomials are those of fdlibm
// (k_sin.c, k_cos.c; Sun Microsystems, 1993). There are no branches: `D` is a double, or a vector
// of them. Of angles from 2^20 on, where the rest would lose digits, the C library takes over.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "lanes.h"

namespace qjax::QJAX_ISA {

constexpr double kNearAngle = 1 << 20;

// pi/2 in three parts: multiples of the first two are exact.
constexpr double kHalfPi[3] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};

// c[0] + c[1] z + ... + c[5] z^5
template <typename D> QJAX_INLINE D polynomial(const double (&c)[6], D z) {
  D sum = c[4] + z * c[5];
  for (int k = 3; k >= 0; --k) sum = c[k] + z * sum;
  return sum;
}

template <typename D> QJAX_INLINE D sine_of_rest(D r, D z) {
  constexpr double kSine[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
                              -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                              -2.50507602534068634195e-08, 1.58969099521155010221e-10};
  return r + r * z * polynomial(kSine, z);
}

template <typename D> QJAX_INLINE D cosine_of_rest(D z) {
  constexpr double kCosine[] = {4.16666666666666019037e-02,  -1.38888888888741095749e-03,
                                2.48015872894767294178e-05,  -2.75573143513906633035e-07,
                                2.08757232129817482790e-09, -1.13596475577881948265e-11};
  const D half = 0.5 * z, near_one = 1 - half;
  return near_one + (((1 - near_one) - half) + z * z * polynomial(kCosine, z));
}

// `I`: integers as wide as `D`.
template <typename I, typename D> QJAX_INLINE void cos_sin_near(D x, D& c, D& s) {
  constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  constexpr double kToInteger = 0x1.8p52;  // in a sum with it, the lowest bits are an integer
  const D shifted = x * kTwoOverPi + kToInteger, multiple = shifted - kToInteger;
  const D r = ((x - multiple * kHalfPi[0]) - multiple * kHalfPi[1]) - multiple * kHalfPi[2];
  const D z = r * r, sine = sine_of_rest(r, z), cosine = cosine_of_rest(z);
  I quadrant;
  std::memcpy(&quadrant, &shifted, sizeof quadrant);
  const D to_c = (quadrant & 1) != 0 ? sine : cosine, to_s = (quadrant & 1) != 0 ? cosine : sine;
  c = ((quadrant + 1) & 2) != 0 ? -to_c : to_c;
  s = (quadrant & 2) != 0 ? -to_s : to_s;
}

inline void cos_sin(double x, double& c, double& s) {
  if (std::abs(x) < kNearAngle) return cos_sin_near<int64_t>(x, c, s);
  c = std::cos(x);
  s = std::sin(x);
}

inline void cos_sin(Vector<double> x, Vector<double>& c, Vector<double>& s) {
  bool are_near = true;
  for (int k = 0; k < kLanes<double>; ++k) are_near &= std::abs(x[k]) < kNearAngle;
  if (are_near) return cos_sin_near<Mask<double>>(x, c, s);
  for (int k = 0; k < kLanes<double>; ++k) {
    c[k] = std::cos(x[k]);
    s[k] = std::sin(x[k]);
  }
}

// The same angle but for full turns, as part of a sum: else a large one takes digits of the others.
inline double without_turns(double x) {
  constexpr double kSmall = 16;
  return std::abs(x) < kSmall ? x : std::atan2(std::sin(x), std::cos(x));
}

// Of all lanes, times a weight.
inline void cos_sin(const Vector<double>& x, double weight, Vector<double>& c, Vector<double>& s) {
  cos_sin(Vector<double>(x * weight), c, s);
}

inline void cos_sin(const Vector<float>& x, double weight, Vector<float>& c, Vector<float>& s) {
  typedef float Half __attribute__((vector_size(32)));
  for (int part = 0; part < 2; ++part) {
    Half half;
    std::memcpy(&half, reinterpret_cast<const char*>(&x) + part * sizeof half, sizeof half);
    Vector<double> cosines{}, sines{};
    cos_sin(__builtin_convertvector(half, Vector<double>) * weight, cosines, sines);
    const Half to_c = __builtin_convertvector(cosines, Half);
    const Half to_s = __builtin_convertvector(sines, Half);
    std::memcpy(reinterpret_cast<char*>(&c) + part * sizeof half, &to_c, sizeof half);
    std::memcpy(reinterpret_cast<char*>(&s) + part * sizeof half, &to_s, sizeof half);
  }
}

inline void cos_sin(const Vector<float>& x, Vector<float>& c, Vector<float>& s) {
  cos_sin(x, 1.0, c, s);
}

}  // namespace qjax::QJAX_ISA
