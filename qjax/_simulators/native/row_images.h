// Rows under a linear map over GF(2).
#pragma once

#include <cstdint>
#include <vector>

namespace qjax {

// body(row, image) for all rows in turn: the image of row p is the sum of columns[j], j the bits of
// p, and the shift.
template <typename Body>
void each_image(int num_bits, const int32_t* columns, int32_t shift, Body body) {
  const int low_bits = num_bits / 2;
  std::vector<int32_t> low(size_t(1) << low_bits);
  low[0] = 0;
  for (int j = 0; j < low_bits; ++j)
    for (int k = 0; k < 1 << j; ++k) low[k | 1 << j] = low[k] ^ columns[j];
  for (int64_t high = 0; high < int64_t(1) << (num_bits - low_bits); ++high) {
    int32_t base = shift;
    for (int j = low_bits; j < num_bits; ++j)
      if (high >> (j - low_bits) & 1) base ^= columns[j];
    for (int64_t k = 0; k < int64_t(1) << low_bits; ++k)
      body(high << low_bits | k, base ^ low[k]);
  }
}

}  // namespace qjax
