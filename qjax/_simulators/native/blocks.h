// A block: the vectors origin ^ (combinations of a few differences), which lie side by side in the
// cache while several steps with those differences run. The vectors of a state fall into such
// blocks, the cosets of the span of the differences over GF(2).
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.h"

namespace qjax::QJAX_ISA {

constexpr int kMaxBits = 32;

inline uint32_t highest_bit(uint32_t x) { return 1u << (31 - __builtin_clz(x)); }

// The bits of k, with a zero put in where `bit` stands.
inline uint32_t with_zero(uint32_t k, uint32_t bit) {
  const uint32_t low = k & (bit - 1);
  return (k ^ low) << 1 | low;
}

// The span of differences of vectors: vector j of a block is origin ^ the sum of basis[i], i the
// bits of j.
class Span {
 public:
  int size() const { return size_; }

  // Whether the span has, or can take in, a difference, with no more than `most` in its basis.
  bool take(uint32_t difference, int most) {
    const Reduced reduced = reduce(difference);
    if (reduced.rest == 0) return true;
    if (size_ == most) return false;
    basis_[size_] = difference;
    echelon_[size_] = reduced.rest;
    coordinates_[size_] = reduced.coordinates ^ 1u << size_;
    ++size_;
    return true;
  }

  // Fill the basis up with the lowest bits: rows that lie side by side.
  void fill(int size) {
    for (uint32_t bit = 1; size_ < size; bit <<= 1) take(bit, size);
  }

  // A difference in coordinates of the block.
  uint32_t coordinates_of(uint32_t difference) const { return reduce(difference).coordinates; }

  // A mask of vectors of the state, as one of vectors of the block.
  uint32_t mask_of(uint32_t mask) const {
    uint32_t result = 0;
    for (int i = 0; i < size_; ++i) result |= uint32_t(parity(mask & basis_[i])) << i;
    return result;
  }

  // Where block `number` begins: its vector with zeros at the pivots of the span.
  uint32_t origin(uint32_t number) const {
    uint32_t pivots[kMaxBits];
    for (int i = 0; i < size_; ++i) pivots[i] = highest_bit(echelon_[i]);
    std::sort(pivots, pivots + size_);
    for (int i = 0; i < size_; ++i) number = with_zero(number, pivots[i]);
    return number;
  }

  void offsets(uint32_t* offsets) const {
    offsets[0] = 0;
    for (int i = 0; i < size_; ++i)
      for (uint32_t j = 0; j < 1u << i; ++j) offsets[j | 1u << i] = offsets[j] ^ basis_[i];
  }

 private:
  struct Reduced {
    uint32_t rest, coordinates;
  };
  // echelon[i], the sum of the basis by coordinates[i], has a highest bit that no later one has.
  Reduced reduce(uint32_t x) const {
    uint32_t coordinates = 0;
    for (int i = 0; i < size_; ++i)
      if (x & highest_bit(echelon_[i])) x ^= echelon_[i], coordinates ^= coordinates_[i];
    return {x, coordinates};
  }
  int size_ = 0;
  uint32_t basis_[kMaxBits], echelon_[kMaxBits], coordinates_[kMaxBits];
};

}  // namespace qjax::QJAX_ISA
