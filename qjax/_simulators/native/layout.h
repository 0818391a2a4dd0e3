// How a tile of the state stands in memory: vectors of samples, or of rows of one sample.
#pragma once

#include <cstdint>

namespace qjax::QJAX_ISA {

struct Layout {
  int num_qubits;
  int lane_bits;  // 0: lanes are samples, and each vector is one row; else bits of the row's number
  int64_t vectors() const { return int64_t(1) << (num_qubits - lane_bits); }
};

}  // namespace qjax::QJAX_ISA
