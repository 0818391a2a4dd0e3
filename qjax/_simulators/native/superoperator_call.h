// What a call for Pauli vectors is told: see `superoperators.h`.
#pragma once

#include <cstdint>
#include <functional>

namespace qjax {

constexpr int kSuperLanes = 16;
constexpr int kMostSuperDigits = 6;  // of a group
constexpr int64_t kMostSuperParts = 16;

// Vectors of as many numbers as a tile has lanes; on most machines the compiler splits them.
template <typename T> struct SuperRow;
template <> struct SuperRow<float> {
  typedef float Type __attribute__((vector_size(64)));
  typedef int32_t Lanes __attribute__((vector_size(64)));
};
template <> struct SuperRow<double> {
  typedef double Type __attribute__((vector_size(128)));
  typedef int64_t Lanes __attribute__((vector_size(128)));
};

struct SuperHeader {
  int32_t num_digits, num_blocks, num_groups, by_samples, num_per_sample;
};

// Digits of base 4 of a row's number, 0 for the least significant; those of a matrix in its order.
struct SuperBlock {
  int32_t width, is_per_sample, matrix, digits[3];
};

// Blocks that act one after the other, and the digits that they touch, ascending.
struct SuperGroup {
  int32_t first_block, num_blocks, num_digits, digits[kMostSuperDigits];
};

template <typename T> struct SuperCall {
  SuperHeader header;
  const SuperBlock* blocks;
  const SuperGroup* groups;
  int64_t batch;
  const T* shared;      // (matrices, D, D)
  const T* per_sample;  // (matrices, D, D, batch)
  std::function<void(int64_t, int64_t, const std::function<void(int64_t)>&)> fork;
};

}  // namespace qjax
