// What a call reads out of the final states, in the bits of the rows in which a program ends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pauli_strings.h"

namespace qjax {

// Expectation values of Pauli strings; or probabilities of the outcomes of some qubits.
struct Reading {
  bool is_of_strings;
  std::vector<PauliString> strings;
  // Row p has the outcome (sum over GF(2) of columns[j], j the bits of p) ^ shift.
  std::vector<int32_t> columns;
  int32_t shift;
  int num_bits;  // of an outcome

  int64_t num_values() const {
    return is_of_strings ? int64_t(strings.size()) : int64_t(1) << num_bits;
  }
  // How often a state is looked at, about.
  int64_t num_looks() const { return is_of_strings ? int64_t(strings.size()) : 1; }
  // Whether the phases of rows matter.
  bool has_phases() const {
    return std::any_of(strings.begin(), strings.end(),
                       [](const PauliString& string) { return string.difference != 0; });
  }
};

// Of strings by the masks of their X's, followed by those of their Z's.
template <typename T>
Reading reading_of_strings(const Program<T>& program, const int32_t* masks, int64_t count) {
  const RowFrame frame(program);
  Reading reading{};
  reading.is_of_strings = true;
  for (int64_t k = 0; k < count; ++k)
    reading.strings.push_back(frame.string(masks[k], masks[count + k]));
  return reading;
}

// Of outcomes: the first qubit is their lowest bit.
template <typename T>
Reading reading_of_outcomes(const Program<T>& program, const int32_t* qubits, int64_t count) {
  Reading reading{};
  reading.num_bits = int(count);
  reading.columns.resize(program.num_qubits);
  for (int64_t k = 0; k < count; ++k) {
    for (int bit = 0; bit < program.num_qubits; ++bit)
      reading.columns[bit] |= (program.columns[bit] >> qubits[k] & 1) << k;
    reading.shift |= (program.shift >> qubits[k] & 1) << k;
  }
  return reading;
}

}  // namespace qjax
