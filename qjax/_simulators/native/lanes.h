// Vectors of 64 bytes: 16 floats or 8 doubles, as GCC and Clang extend C++ with them. On a machine
// with narrower registers the compiler splits them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace qjax::QJAX_ISA {

// Of functions that keep vectors in registers only where they are part of a loop.
#define QJAX_INLINE __attribute__((always_inline)) inline

template <typename T> struct LaneTypes;
template <> struct LaneTypes<float> {
  typedef float Vector __attribute__((vector_size(64)));
  typedef int32_t Mask __attribute__((vector_size(64)));
  static constexpr int kBits = 4;
};
template <> struct LaneTypes<double> {
  typedef double Vector __attribute__((vector_size(64)));
  typedef int64_t Mask __attribute__((vector_size(64)));
  static constexpr int kBits = 3;
};

template <typename T> using Vector = typename LaneTypes<T>::Vector;
template <typename T> using Mask = typename LaneTypes<T>::Mask;
template <typename T> constexpr int kLaneBits = LaneTypes<T>::kBits;
template <typename T> constexpr int kLanes = 1 << kLaneBits<T>;

template <typename T> inline Vector<T> splat(T x) { return Vector<T>{} + x; }

// Lane k of the result is lane k ^ distance of x; `lanes` holds those numbers.
template <typename T> inline Vector<T> shuffled(Vector<T> x, Mask<T> lanes) {
#if defined(__clang__)
  Vector<T> result;
  for (int k = 0; k < kLanes<T>; ++k) result[k] = x[lanes[k]];
  return result;
#else
  return __builtin_shuffle(x, lanes);
#endif
}

template <typename T> inline Mask<T> lanes_at(int distance) {
  Mask<T> lanes;
  for (int k = 0; k < kLanes<T>; ++k) lanes[k] = k;
  return lanes ^ distance;
}

inline int parity(uint32_t bits) { return __builtin_popcount(bits) & 1; }

// The sign (-1)^parity(lane & bits) of each lane.
template <typename T> inline Vector<T> signs_of_lanes(uint32_t bits) {
  Vector<T> signs = splat<T>(1);
  for (int j = 0; j < kLaneBits<T>; ++j) {
    Vector<T> of_bit;
    for (int k = 0; k < kLanes<T>; ++k) of_bit[k] = k >> j & 1 ? T(-1) : T(1);
    if (bits >> j & 1) signs *= of_bit;
  }
  return signs;
}

// A complex vector: real and imaginary parts, side by side as they stand in memory.
template <typename T> struct Amplitudes {
  Vector<T> re, im;
};

// |x|^2 in the first lane.
template <typename T> inline double square_of(const Amplitudes<T>& x) {
  const double re = x.re[0], im = x.im[0];
  return re * re + im * im;
}

// GCC reads what was loaded once more for each use, rather than keep many values in registers; to
// hide where they come from prevents that, where registers are as wide as vectors.
#if defined(__AVX512F__) && !defined(__clang__)
#define QJAX_KEEP(x) asm("" : "+v"(x))
#else
#define QJAX_KEEP(x)
#endif

template <typename T> QJAX_INLINE Amplitudes<T> loaded(const Amplitudes<T>& from) {
  Vector<T> re = from.re, im = from.im;
  QJAX_KEEP(re);
  QJAX_KEEP(im);
  return {re, im};
}

template <typename T> inline Amplitudes<T> operator+(Amplitudes<T> a, Amplitudes<T> b) {
  return {a.re + b.re, a.im + b.im};
}

// a x
template <typename T> inline Amplitudes<T> times(const Amplitudes<T>& a, const Amplitudes<T>& x) {
  return {a.re * x.re - a.im * x.im, a.re * x.im + a.im * x.re};
}

// a x + b y
template <typename T>
inline Amplitudes<T> combined(const Amplitudes<T>& a, const Amplitudes<T>& x,
                              const Amplitudes<T>& b, const Amplitudes<T>& y) {
  return {a.re * x.re - a.im * x.im + b.re * y.re - b.im * y.im,
          a.re * x.im + a.im * x.re + b.re * y.im + b.im * y.re};
}

// sum += x conj(y)
template <typename T>
inline void add_outer(Amplitudes<T>& sum, const Amplitudes<T>& x, const Amplitudes<T>& y) {
  sum.re += x.re * y.re + x.im * y.im;
  sum.im += x.im * y.re - x.re * y.im;
}

}  // namespace qjax::QJAX_ISA
