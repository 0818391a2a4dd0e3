// Sweeps: as many steps in a row as run on blocks that fit into the cache.
//
// A state that is larger than the cache is read and written once in a sweep, instead of once in a
// step. Blocks are independent: they are shared out among threads, in parts whose number does not
// depend on how many threads there are, so that sums have the same digits in every run.
#pragma once

#include <functional>
#include <vector>

#include "actions.h"
#include "blocks.h"
#include "kernels.h"

namespace qjax::QJAX_ISA {

constexpr int kMaxActions = 16;
constexpr int64_t kMaxParts = 16;

// Bits of the number of a vector in a block, and the most of a state that is one block as it
// stands: 128 bytes each, twice in reverse mode. Both fit into 1 MiB, the L2 cache of a core.
constexpr int kBlockBits = 10;
constexpr int kWholeBits = 12;
// Of these, so many lowest bits are in every block: 1 KiB each that lies together in memory.
constexpr int kRunBits = 3;

template <typename T> class Sweep {
 public:
  Sweep(const Source<T>& source, const Fork& fork, bool back, int64_t done)
      : source_(source), fork_(fork), back_(back) {
    const Layout& layout = source.layout;
    bits_ = layout.num_qubits - layout.lane_bits;
    left_ = source.program.num_steps - done;
  }

  // Take the next steps, forwards or backwards; false if there are none left.
  bool next() {
    num_pieces_ = 0;
    span_ = Span();
    is_whole_ = bits_ <= kWholeBits;
    if (!is_whole_) span_.fill(kRunBits);
    vectors_ = int64_t(1) << bits_;
    while (left_ > 0 && num_pieces_ < kMaxActions && take(next_step())) {
    }
    if (num_pieces_ == 0) return false;
    span_.fill(is_whole_ ? bits_ : kBlockBits);
    prepare_all();
    return true;
  }

  // Hand over the next step, where it is a matrix, which runs on the whole state; false if not.
  template <typename Run> bool take_matrix(Run run) {
    if (left_ == 0) return false;
    run(next_step());
    --left_;
    return true;
  }

  void run(Amplitudes<T>* state, Amplitudes<T>* cotangent) {
    if (is_whole_)
      run_on({state, cotangent, 0, uint32_t(vectors_)}, sums_of(0));
    else
      run_parts(state, cotangent);
    if (back_)
      for (int k = 0; k < num_pieces_; ++k)
        finish(actions_[k], sums_of(0) + actions_[k].sums, source_);
  }

 private:
  struct Lanes {
    Vector<T> x;
  };

  const Step& next_step() const {
    const Program<T>& program = source_.program;
    return program.steps[back_ ? left_ - 1 : program.num_steps - left_];
  }

  // The first steps of a program mix only the first rows: each is a sweep of its own.
  bool take(const Step& step) {
    const Layout& layout = source_.layout;
    if (step.kind == StepKind::kMatrix) return false;
    if (step.kind == StepKind::kPhases) return take_phases(step);
    if (step.active_bits < layout.num_qubits) {
      if (num_pieces_ > 0) return false;
      span_ = Span();
      vectors_ = int64_t(1) << std::max(step.active_bits - layout.lane_bits, 0);
      pieces_[num_pieces_++] = {&step, nullptr, 0};
      --left_;
      is_whole_ = true;
      return false;
    }
    const uint32_t difference = uint32_t(step.difference) >> layout.lane_bits;
    if (!is_whole_ && !span_.take(difference, kBlockBits)) return false;
    pieces_[num_pieces_++] = {&step, nullptr, 0};
    --left_;
    return true;
  }

  // A table of k terms takes 2^(k + 1) products to make, and saves k - 1 of each vector.
  int terms_at_once() const { return std::clamp(bits_ - 1, 3, kTermsAtOnce); }

  bool take_phases(const Step& step) {
    const int most = terms_at_once(), left = step.count - terms_done_;
    const int parts = (left + most - 1) / most, count = (left + parts - 1) / parts;
    const Term* terms = source_.program.terms + step.first + terms_done_;
    pieces_[num_pieces_++] = {&step, terms, count};
    terms_done_ += count;
    if (terms_done_ == step.count) terms_done_ = 0, --left_;
    return true;
  }

  void prepare_all() {
    num_sums_ = 0;
    for (int k = 0; k < num_pieces_; ++k) {
      prepare(actions_[k], pieces_[k], source_, span_, back_, scale_);
      actions_[k].sums = num_sums_;
      num_sums_ += actions_[k].num_sums();
    }
    settle();
    num_blocks_ = is_whole_ ? 1 : vectors_ >> span_.size();
    num_parts_ = std::min(num_blocks_, kMaxParts);
    if (back_) sums_.assign(num_parts_ * num_sums_, Lanes{});
  }

  // The last action that can takes in the scale that is left: those after it meet a state and a
  // cotangent that have it. Where none can, no cosine was left out: what is left is rounding, and
  // waits for the next sweep.
  void settle() {
    int last = num_pieces_ - 1;
    while (last >= 0 && !can_absorb(actions_[last])) --last;
    if (last < 0 || T(scale_.value()) == 1) return;
    const T scale = scale_.template release<T>();
    absorb(actions_[last], scale);
    for (int k = last + 1; k < num_pieces_; ++k) actions_[k].weight /= scale * scale;
  }

  Vector<T>* sums_of(int64_t part) { return back_ ? &sums_[part * num_sums_].x : nullptr; }

  void run_parts(Amplitudes<T>* state, Amplitudes<T>* cotangent) {
    const int64_t lanes = kLanes<T>, work = vectors_ * lanes * num_pieces_ * (back_ ? 3 : 1);
    fork_(num_parts_, work / num_parts_,
          [&](int64_t part) { run_part(part, state, cotangent); });
    for (int64_t part = 1; back_ && part < num_parts_; ++part)
      for (int64_t k = 0; k < num_sums_; ++k) sums_[k].x += sums_[part * num_sums_ + k].x;
  }

  void run_part(int64_t part, Amplitudes<T>* state, Amplitudes<T>* cotangent) {
    constexpr uint32_t size = 1 << kBlockBits;
    thread_local std::vector<Amplitudes<T>> buffer;
    buffer.resize(2 * size);
    uint32_t offsets[size];
    span_.offsets(offsets);
    const int64_t first = num_blocks_ * part / num_parts_;
    const int64_t last = num_blocks_ * (part + 1) / num_parts_;
    for (int64_t number = first; number < last; ++number) {
      const uint32_t origin = span_.origin(uint32_t(number));
      const Block<T> block = {buffer.data(), buffer.data() + size, origin, size};
      for (uint32_t j = 0; j < size; ++j) {
        block.state[j] = state[origin ^ offsets[j]];
        if (back_) block.cotangent[j] = cotangent[origin ^ offsets[j]];
      }
      run_on(block, sums_of(part));
      for (uint32_t j = 0; j < size; ++j) {
        state[origin ^ offsets[j]] = block.state[j];
        if (back_) cotangent[origin ^ offsets[j]] = block.cotangent[j];
      }
    }
  }

  void run_on(const Block<T>& block, Vector<T>* sums) const {
    for (int k = 0; k < num_pieces_;) k += run_some(k, block, sums);
  }

  const Rotation<T>* rotation(int k) const {
    return k < num_pieces_ ? std::get_if<Rotation<T>>(&actions_[k].kind) : nullptr;
  }

  // How many actions are tables of phases, from one on.
  int count_tables(int k) const {
    int count = 0;
    const auto is_table = [&](int j) {
      return j < num_pieces_ && std::holds_alternative<PhaseTable<T>>(actions_[j].kind);
    };
    while (is_table(k + count)) ++count;
    return count;
  }

  int run_tables(int k, int count, const Block<T>& block, Vector<T>* sums) const {
    if (count >= 3) return run_phases<3>(actions_ + k, block, sums), 3;
    if (count == 2) return run_phases<2>(actions_ + k, block, sums), 2;
    return run_phases<1>(actions_ + k, block, sums), 1;
  }

  // Run the next action, or several at once: up to three tables, or two rotations; how many.
  int run_some(int k, const Block<T>& block, Vector<T>* sums) const {
    if (const int count = count_tables(k)) return run_tables(k, count, block, sums);
    const auto* one = rotation(k);
    const auto* two = rotation(k + 1);
    if (one == nullptr || two == nullptr || !go_together(*one, *two)) {
      back_ ? pull_back(actions_[k], block, sums) : apply(actions_[k], block);
      return 1;
    }
    const Rotation<T> first = moved(*one, block.origin), second = moved(*two, block.origin);
    if (back_)
      pull_back(first, second, block.vectors, block.state, block.cotangent,
                sums + actions_[k].sums, sums + actions_[k + 1].sums);
    else
      apply(first, second, block.vectors, block.state);
    return 2;
  }

  const Source<T>& source_;
  const Fork& fork_;
  const bool back_;
  int bits_;                // of the number of a vector
  int64_t left_;            // steps
  int terms_done_ = 0;      // of the next step
  Span span_;
  bool is_whole_ = false;   // the state is the only block
  int64_t vectors_;         // of the state, that are not 0
  int64_t num_blocks_, num_parts_, num_sums_;
  Scale scale_;
  int num_pieces_ = 0;
  Piece pieces_[kMaxActions];
  Action<T> actions_[kMaxActions];
  std::vector<Lanes> sums_;  // of all parts
};

}  // namespace qjax::QJAX_ISA
