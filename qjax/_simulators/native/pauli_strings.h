// Pauli strings in the bits of rows.
#pragma once

#include <cstdint>
#include <vector>

#include "program.h"

namespace qjax {

// P takes row p to row p ^ difference:
//
//   (P state)[p] = s (-1)^parity(p & mask) state[p ^ difference]
//
// with s = 1, or -i for an odd number of Y's, times -1 if it is negative.
struct PauliString {
  uint32_t difference;
  uint32_t mask;
  bool is_imaginary;
  bool is_negative;
};

// Which rows hold which basis states, as a matrix over GF(2) and its inverse.
class RowFrame {
 public:
  template <typename T>
  explicit RowFrame(const Program<T>& program)
      : columns_(program.columns, program.columns + program.num_qubits),
        inverse_(program.num_qubits),
        shift_(program.shift) {
    std::vector<uint32_t> left = columns_;
    const int count = int(left.size());
    for (int bit = 0; bit < count; ++bit) inverse_[bit] = 1u << bit;
    for (int qubit = 0; qubit < count; ++qubit) {
      int pivot = qubit;
      while (!(left[pivot] >> qubit & 1)) ++pivot;
      std::swap(left[pivot], left[qubit]);
      std::swap(inverse_[pivot], inverse_[qubit]);
      for (int other = 0; other < count; ++other)
        if (other != qubit && left[other] >> qubit & 1) {
          left[other] ^= left[qubit];
          inverse_[other] ^= inverse_[qubit];
        }
    }
  }

  // i^popcount(x & z) X^x Z^z, by the masks of its qubits.
  PauliString string(uint32_t x, uint32_t z) const {
    PauliString result{};
    for (size_t qubit = 0; qubit < inverse_.size(); ++qubit)
      if (x >> qubit & 1) result.difference ^= inverse_[qubit];
    for (size_t bit = 0; bit < columns_.size(); ++bit)
      result.mask |= uint32_t(__builtin_popcount(columns_[bit] & z) & 1) << bit;
    const int num_y = __builtin_popcount(x & z);
    result.is_imaginary = num_y & 1;
    result.is_negative = (num_y >> 1 & 1) ^ (__builtin_popcount(shift_ & z) & 1);
    return result;
  }

 private:
  std::vector<uint32_t> columns_;  // row 2^bit is this basis state, but for the shift
  std::vector<uint32_t> inverse_;  // basis state 2^qubit is this row, but for the shift
  uint32_t shift_;
};

}  // namespace qjax
