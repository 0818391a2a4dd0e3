// The first steps of a program, where each acts on one qubit. From |0...0> they make a product
// state
//
//   amplitude[p] = prod_q factors[q][bit q of p]
//
// which is computed in double, as the product of a table of the low bits and one of the high bits,
// and rounded once: equal angles on many qubits would add up equal errors.
#pragma once

#include <algorithm>
#include <vector>

#include "actions.h"
#include "kernels.h"

namespace qjax::QJAX_ISA {

// How many steps, from the first on, mix row p with p ^ 2^q and no others, q in ascending order.
template <typename T> int64_t count_start(const Program<T>& program) {
  int64_t count = 0;
  for (int32_t last = 1; count < program.num_steps; ++count) {
    const Step& step = program.steps[count];
    const bool is_of_qubit = step.kind == StepKind::kPairs && step.num_masks == 1 &&
                             step.num_controls == 0 && step.offset == 0 &&
                             step.difference == step.masks[0] && parity(step.difference) == 1 &&
                             (step.difference & (step.difference - 1)) == 0;
    if (!is_of_qubit || step.difference < last) break;
    last = step.difference;
  }
  return count;
}

class ProductState {
 public:
  // After the first steps, whose angles all lanes share.
  template <typename T> ProductState(const Source<T>& source, int64_t num_steps) {
    const int num_qubits = source.layout.num_qubits;
    low_bits_ = std::max(num_qubits / 2, source.layout.lane_bits);
    std::vector<Qubit> qubits(num_qubits);
    for (int64_t k = 0; k < num_steps; ++k) {
      const Step& step = source.program.steps[k];
      Chain<double> chain;
      build(chain, step, source);
      Qubit& qubit = qubits[__builtin_ctz(step.difference)];
      const Qubit before = qubit;
      qubit.gates += step.count;
      for (int r = 0; r < 2; ++r)
        qubit.factors[r] = chain.whole.own[r] * before.factors[r] +
                           chain.whole.other[r] * before.factors[1 - r];
    }
    for (Qubit& qubit : qubits)
      if (is_rounded<T>(qubit.norm(), qubit.gates)) qubit.divide(qubit.norm());
    low_ = product(qubits.data(), low_bits_);
    high_ = product(qubits.data() + low_bits_, num_qubits - low_bits_);
  }

  // Lanes are rows.
  template <typename T> void store(Amplitudes<T>* state, const Fork& fork) const {
    const int64_t vectors = int64_t(1) << (low_bits_ - kLaneBits<T>);
    fork(int64_t(high_.size()), int64_t(low_.size()), [&](int64_t number) {
      const Complex<double> high = high_[number];
      for (int64_t v = 0; v < vectors; ++v) {
        Amplitudes<T>& x = state[number * vectors + v];
        for (int lane = 0; lane < kLanes<T>; ++lane) {
          const Complex<double> amplitude = high * low_[v << kLaneBits<T> | lane];
          x.re[lane] = T(amplitude.re);
          x.im[lane] = T(amplitude.im);
        }
      }
    });
  }

 private:
  struct Qubit {
    Complex<double> factors[2] = {{1, 0}, {0, 0}};

    int gates = 0;

    double norm() const {
      return std::hypot(std::hypot(factors[0].re, factors[0].im),
                        std::hypot(factors[1].re, factors[1].im));
    }
    void divide(double by) {
      for (auto& factor : factors) factor = {factor.re / by, factor.im / by};
    }
  };

  static std::vector<Complex<double>> product(const Qubit* qubits, int count) {
    std::vector<Complex<double>> table(size_t(1) << count);
    table[0] = {1, 0};
    for (int q = 0; q < count; ++q)
      for (int64_t p = 0; p < int64_t(1) << q; ++p) {
        table[p | int64_t(1) << q] = table[p] * qubits[q].factors[1];
        table[p] = table[p] * qubits[q].factors[0];
      }
    return table;
  }

  int low_bits_;
  std::vector<Complex<double>> low_, high_;
};

}  // namespace qjax::QJAX_ISA
