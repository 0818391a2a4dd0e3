// Signs by the parities of the low bits of the numbers of vectors, of some vectors in a row.
#pragma once

#include "lanes.h"

namespace qjax::QJAX_ISA {

constexpr int kPatternBits = 5, kPatterns = 1 << kPatternBits;

// of[mask][j] = (-1)^parity(j & mask)
template <typename T> struct Patterns {
  T of[kPatterns][kPatterns] = {};
  constexpr Patterns() {
    for (int mask = 0; mask < kPatterns; ++mask)
      for (int j = 0; j < kPatterns; ++j)
        of[mask][j] = __builtin_popcount(mask & j) & 1 ? T(-1) : T(1);
  }
};
template <typename T> inline constexpr Patterns<T> kSigns{};

// The Walsh-Hadamard transform: x[mask] becomes sum_j (-1)^parity(j & mask) x[j].
template <typename T> inline void transform(Vector<T>* x, int count) {
  for (int half = 1; half < count; half *= 2)
    for (int first = 0; first < count; first += 2 * half)
      for (int j = first; j < first + half; ++j) {
        const Vector<T> even = x[j], odd = x[j + half];
        x[j] = even + odd;
        x[j + half] = even - odd;
      }
}

}  // namespace qjax::QJAX_ISA
