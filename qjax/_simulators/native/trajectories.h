// Noisy runs of a circuit: blocks of unitary parts and jumps, on states of their own.
//
// A lane of a vector is a run, so that each can have matrices of its own. Before a block with jumps
// the state is read once, for its density matrix on the block's qubits; everything is drawn from
// that, and the block then is one matrix. Rows of which no qubit was acted on yet are zero, and are
// neither read nor written: from |0...0>, a state grows with the qubits that blocks touch.
//
// The cotangent of a matrix needs the state before it, and jumps cannot be undone: the state before
// each segment of blocks is kept, and those within a segment are made again. There are about as
// many segments as blocks in one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lanes.h"
#include "trajectory_call.h"

namespace qjax::QJAX_ISA {

// How many blocks a segment has: the root of their number, rounded up.
inline int64_t blocks_of_segment(int64_t num_blocks) {
  int64_t root = 1;
  while (root * root < num_blocks) ++root;
  return root;
}

// What `pull_back` needs memory for: one cotangent, the states before segments and within one.
inline int64_t states_of_pull_back(int64_t num_blocks) {
  const int64_t most = blocks_of_segment(num_blocks);
  return 1 + (num_blocks + most - 1) / most + most - 1;
}

// As many runs as a vector has lanes, through all blocks on `Width` qubits.
template <typename T, int Width> class Trajectories {
  static constexpr int K = 1 << Width;
  using Vec = Vector<T>;
  using State = Amplitudes<T>*;
  struct Matrix {
    Amplitudes<T> at[K][K];
  };

 public:
  Trajectories(const TrajectoryCall<T>& call, int64_t tile)
      : call_(call), first_(tile * kLanes<T>),
        lanes_(int(std::min<int64_t>(kLanes<T>, call.runs - first_))) {}

  void run(State state) {
    start(state);
    for (int64_t block = 0; block < call_.header.num_blocks; ++block) {
      grow(block, state);
      apply(block, drawn(block, state), state, state);
    }
    store(state, call_.state);
  }

  void pull_back(State memory) {
    const int64_t blocks = call_.header.num_blocks, most = blocks_of_segment(blocks);
    const int64_t segments = (blocks + most - 1) / most, rows = call_.num_rows();
    const State cotangent = memory, kept = cotangent + rows, between = kept + segments * rows;
    std::vector<int64_t> touched(segments), active(most);
    start(kept);
    for (int64_t segment = 0;; ++segment) {
      touched[segment] = touched_;
      if (segment + 1 == segments) break;
      const State now = kept + segment * rows, next = now + rows;
      for (int64_t block = segment * most; block < (segment + 1) * most; ++block) {
        const State from = block == segment * most ? now : next;
        grow(block, from);
        apply(block, matrix(block), from, next);
      }
    }
    for (int64_t block = (segments - 1) * most; block < blocks; ++block) touched_ |= bits(block);
    load(call_.cotangent, cotangent);
    for (int64_t segment = segments - 1; segment >= 0; --segment) {
      const int64_t first = segment * most, count = std::min(most, blocks - first);
      auto before = [&](int64_t k) { return k ? between + (k - 1) * rows : kept + segment * rows; };
      touched_ = touched[segment];
      for (int64_t k = 0; k < count; ++k) {
        grow(first + k, before(k));
        active[k] = touched_;
        if (k + 1 < count) apply(first + k, matrix(first + k), before(k), before(k + 1));
      }
      for (int64_t k = count - 1; k >= 0; --k) {
        touched_ = active[k];
        pull_back_block(first + k, before(k), cotangent);
      }
    }
    if (call_.to_start) store(cotangent, call_.to_start);
  }

 private:
  // ---------------------------------------------------------------- memory and lanes

  // Numbers of this tile's runs; lanes without a run repeat the last.
  Vec lanes_of(const T* from) const {
    Vec x{};
    if (lanes_ == kLanes<T>) {
      std::memcpy(&x, from + first_, sizeof x);
    } else {
      for (int lane = 0; lane < kLanes<T>; ++lane)
        x[lane] = from[first_ + std::min(lane, lanes_ - 1)];
    }
    return x;
  }

  template <typename V, typename N> void put(V x, N* to) const {
    std::memcpy(to + first_, &x, lanes_ * sizeof(N));
  }

  void load(const T* from, State state) const {
    const int64_t rows = call_.num_rows();
    for_rows(touched_, [&](int64_t row) {
      state[row] = {lanes_of(from + row * call_.runs), lanes_of(from + (rows + row) * call_.runs)};
    });
  }

  void store(const Amplitudes<T>* state, T* to) const {
    const int64_t rows = call_.num_rows();
    for (int64_t row = 0; row < rows; ++row) {
      const bool is_zero = row & ~touched_;
      put(is_zero ? Vec{} : state[row].re, to + row * call_.runs);
      put(is_zero ? Vec{} : state[row].im, to + (rows + row) * call_.runs);
    }
  }

  void start(State state) {
    touched_ = call_.start ? call_.num_rows() - 1 : 0;
    if (call_.start) return load(call_.start, state);
    state[0] = {splat<T>(1), Vec{}};
  }

  // ---------------------------------------------------------------- rows

  int64_t bits(int64_t block) const {
    int64_t bits = 0;
    for (int k = 0; k < Width; ++k) bits |= int64_t(1) << call_.blocks[block].qubits[k];
    return bits;
  }

  // All rows that have no other bits than these, ascending.
  template <typename Body> static void for_rows(int64_t bits, Body body) {
    int64_t row = 0;
    do {
      body(row);
      row = (row - bits) & bits;
    } while (row);
  }

  // From now on rows with these qubits set are no longer left out.
  void grow(int64_t block, State state) {
    const int64_t fresh = bits(block) & ~touched_;
    touched_ |= fresh;
    if (!fresh) return;
    for_rows(touched_, [&](int64_t row) {
      if (row & fresh) state[row] = Amplitudes<T>{};
    });
  }

  // Where the rows of each setting of the block's qubits are.
  struct Offsets {
    int64_t of[K];
  };
  Offsets offsets(int64_t block) const {
    Offsets offsets{};
    for (int setting = 0; setting < K; ++setting)
      for (int k = 0; k < Width; ++k)
        offsets.of[setting] |= int64_t(setting >> k & 1) << call_.blocks[block].qubits[k];
    return offsets;
  }

  // ---------------------------------------------------------------- matrices

  // The `number`-th of so many matrices, whose entries have a column for each run, or one for all.
  Matrix matrix_at(const T* from, int64_t number, int64_t count, int64_t columns) const {
    Matrix result;
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < K; ++j) {
        const T* re = from + ((number * K + k) * K + j) * columns;
        const T* im = re + count * K * K * columns;
        result.at[k][j].re = columns == 1 ? splat<T>(*re) : lanes_of(re);
        result.at[k][j].im = columns == 1 ? splat<T>(*im) : lanes_of(im);
      }
    return result;
  }

  Matrix matrix(int64_t block) const {
    return matrix_at(call_.matrices, block, call_.header.num_blocks, call_.runs);
  }

  Matrix part(int64_t block, int64_t number) const {
    const int64_t parts = call_.header.most_jumps + 1;
    return matrix_at(call_.parts, block * parts + number, call_.header.num_blocks * parts,
                     call_.columns);
  }

  static Matrix product(const Matrix& left, const Matrix& right) {
    Matrix result{};
    for (int k = 0; k < K; ++k)
      for (int m = 0; m < K; ++m)
        for (int j = 0; j < K; ++j)
          result.at[k][j] = result.at[k][j] + times(left.at[k][m], right.at[m][j]);
    return result;
  }

  static Matrix adjoint(const Matrix& matrix) {
    Matrix result;
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < K; ++j) result.at[k][j] = {matrix.at[j][k].re, -matrix.at[j][k].im};
    return result;
  }

  static bool is_real(const Matrix& matrix) {
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < K; ++j)
        for (int lane = 0; lane < kLanes<T>; ++lane)
          if (matrix.at[k][j].im[lane] != 0) return false;
    return true;
  }

  // ---------------------------------------------------------------- blocks on states

  void apply(int64_t block, const Matrix& matrix, const Amplitudes<T>* from, State to) const {
    is_real(matrix) ? apply<true>(block, matrix, from, to) : apply<false>(block, matrix, from, to);
  }

  template <bool IsReal>
  void apply(int64_t block, const Matrix& matrix, const Amplitudes<T>* from, State to) const {
    const Offsets offset = offsets(block);
    for_rows(touched_ & ~bits(block), [&](int64_t row) {
      Amplitudes<T> x[K];
#pragma GCC unroll 4
      for (int j = 0; j < K; ++j) x[j] = loaded(from[row + offset.of[j]]);
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) {
        Vec re{}, im{};
#pragma GCC unroll 4
        for (int j = 0; j < K; ++j) {
          const Amplitudes<T>& a = matrix.at[k][j];
          re += a.re * x[j].re;
          im += a.re * x[j].im;
          if (!IsReal) {
            re -= a.im * x[j].im;
            im += a.im * x[j].re;
          }
        }
        to[row + offset.of[k]] = {re, im};
      }
    });
  }

  // Sums of left[k] conj(right[j]) over all other qubits. Of a state with itself: its density
  // matrix on the block's qubits.
  Matrix products(int64_t block, const Amplitudes<T>* left, const Amplitudes<T>* right) const {
    const Offsets offset = offsets(block);
    // Of so many rows sums are added up one by one, and then those: fewer digits are lost.
    constexpr int kChunk = 32;
    int64_t rows[kChunk];
    int count = 0;
    Matrix result{};
    auto add = [&] {
#pragma GCC unroll 1
      for (int k = 0; k < K; ++k) {
        Amplitudes<T> sums[K] = {};
        for (int r = 0; r < count; ++r) {
          const Amplitudes<T> x = loaded(left[rows[r] + offset.of[k]]);
#pragma GCC unroll 4
          for (int j = 0; j < K; ++j) add_outer(sums[j], x, right[rows[r] + offset.of[j]]);
        }
        for (int j = 0; j < K; ++j) result.at[k][j] = result.at[k][j] + sums[j];
      }
      count = 0;
    };
    for_rows(touched_ & ~bits(block), [&](int64_t row) {
      rows[count++] = row;
      if (count == kChunk) add();
    });
    if (count) add();
    return result;
  }

  // From the cotangent after a block to those of its matrix and of the state before.
  void pull_back_block(int64_t block, const Amplitudes<T>* before, State cotangent) const {
    const Matrix to_matrix = products(block, cotangent, before);
    apply(block, adjoint(matrix(block)), cotangent, cotangent);
    const int64_t plane = call_.header.num_blocks * K * K * call_.runs;
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < K; ++j) {
        T* to = call_.to_matrices + ((block * K + k) * K + j) * call_.runs;
        put(to_matrix.at[k][j].re, to);
        put(to_matrix.at[k][j].im, to + plane);
      }
  }

  // ---------------------------------------------------------------- what is drawn

  // What a block does in each run.
  Matrix drawn(int64_t block, const Amplitudes<T>* state) const {
    const int most = call_.header.most_jumps, count = call_.blocks[block].num_jumps;
    Matrix matrix = part(block, 0);
    const Matrix rho = count ? products(block, state, state) : Matrix{};
    for (int jump = 0; jump < most; ++jump) {
      const int64_t place = block * most + jump, at = place * call_.runs;
      if (jump >= count) {
        put(Mask<T>{}, call_.drawn + at);
        put(splat<T>(1), call_.probabilities + at);
        continue;
      }
      const Matrix reached = product(product(matrix, rho), adjoint(matrix));
      const Matrix jumped = draw(call_.jumping[place], reached, at);
      matrix = product(part(block, jump + 1), product(jumped, matrix));
    }
    return matrix;
  }

  struct Chances {
    Vec probability, scale;  // 0 where another one was drawn
  };

  // An operator of a jump for each run, by the root of its probability in this density matrix.
  Matrix draw(int64_t jump, const Matrix& rho, int64_t at) const {
    const int count = call_.header.most_operators;
    const int64_t first = jump * count, all = call_.header.num_jumps * count;
    std::vector<Chances> chances(count, Chances{});
    for (int m = 0; m < count; ++m) {
      const Matrix effect = matrix_at(call_.effects, first + m, all, 1);
      Vec& sum = chances[m].probability;
      for (int k = 0; k < K; ++k)
        for (int j = 0; j < K; ++j)
          sum += effect.at[k][j].re * rho.at[j][k].re - effect.at[k][j].im * rho.at[j][k].im;
    }
    const Vec numbers = lanes_of(call_.numbers + at);
    Vec probabilities{};
    int32_t chosen[kLanes<T>];
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      Chances& here = chances[chosen[lane] = choose(chances, lane, numbers[lane])];
      probabilities[lane] = here.probability[lane];
      here.scale[lane] = 1 / std::sqrt(probabilities[lane]);
    }
    std::copy_n(chosen, lanes_, call_.drawn + at + first_);
    put(probabilities, call_.probabilities + at);
    Matrix result{};
    for (int m = 0; m < count; ++m) {
      const Matrix op = matrix_at(call_.operators, first + m, all, 1);
      for (int k = 0; k < K; ++k)
        for (int j = 0; j < K; ++j) {
          result.at[k][j].re += chances[m].scale * op.at[k][j].re;
          result.at[k][j].im += chances[m].scale * op.at[k][j].im;
        }
    }
    return result;
  }

  // As `choose` of qjax/_engine/block_matrices.py: rare ones, which come last, are added up first.
  static int choose(const std::vector<Chances>& chances, int lane, T number) {
    T total = 0, above = 0;
    for (size_t m = chances.size(); m-- > 0;) total += std::max(chances[m].probability[lane], T(0));
    int chosen = int(chances.size()) - 1;
    for (; chosen > 0; --chosen) {
      above += std::max(chances[chosen].probability[lane], T(0));
      if (!(number * total >= above)) break;
    }
    return chosen;
  }

  const TrajectoryCall<T>& call_;
  const int64_t first_;
  const int lanes_;
  // Bits of rows that are not known to be zero.
  int64_t touched_ = 0;
};

// body(trajectories) of the width of a call's blocks.
template <typename T, typename Body>
void of_width(const TrajectoryCall<T>& call, int64_t tile, Body body) {
  switch (call.header.width) {
    case 1: return body(Trajectories<T, 1>(call, tile));
    case 2: return body(Trajectories<T, 2>(call, tile));
    default: return body(Trajectories<T, 3>(call, tile));
  }
}

}  // namespace qjax::QJAX_ISA
