// Probabilities -> how many of so many shots had each outcome: multinomial draws.
//
// Shots are shared out down a binary tree over the outcomes. How many of n go to the left half is a
// binomial draw, which compares n uniform numbers with the probability, bit by bit and all at once:
// of those that are undecided, a fair coin for each says how many stay so, and fair coins are the
// bits that are set in random words. Half are decided by each bit, so n shots take about 2n random
// bits, not n words. Samples lie side by side in the lanes of a vector.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels.h"

namespace qjax::QJAX_ISA {

typedef uint32_t DrawWords __attribute__((vector_size(4 * kDrawLanes)));
typedef double DrawNumbers __attribute__((vector_size(8 * kDrawLanes)));

inline bool any(DrawWords words) {
  uint64_t parts[kDrawLanes / 2], all = 0;
  std::memcpy(parts, &words, sizeof words);
  for (uint64_t part : parts) all |= part;
  return all != 0;
}

inline DrawWords bits_set(DrawWords x) {
  x = x - ((x >> 1) & 0x55555555u);
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0fu;
  return (x * 0x01010101u) >> 24;
}

// xoshiro128++ of D. Blackman and S. Vigna, ACM TOMS 47, 36 (2021), started by splitmix64: a stream
// of its own for each sample.
class RandomBits {
 public:
  RandomBits(const uint32_t* words, int64_t first) {
    const uint64_t low = words[0] | uint64_t(words[1]) << 32;
    const uint64_t high = words[2] | uint64_t(words[3]) << 32;
    for (int k = 0; k < kDrawLanes; ++k) {
      uint64_t from = mixed(low + mixed(uint64_t(first + k) + kGolden));
      for (int part = 0; part < 4; part += 2) {
        const uint64_t word = mixed((from += kGolden) ^ high);
        state_[part][k] = uint32_t(word);
        state_[part + 1][k] = uint32_t(word >> 32) | (part == 2);  // all zeros would stay so
      }
    }
  }

  // How many of `coins` fair coins show heads.
  DrawWords heads(DrawWords coins) {
    DrawWords sum{};
    do {
      const DrawWords whole = DrawWords(coins >= 32);
      const DrawWords some = ((DrawWords{} + 1) << (coins & 31)) - 1;
      sum += bits_set(next() & (whole | some));
      coins = (coins - 32) & whole;
    } while (any(coins));
    return sum;
  }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

  static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }

  DrawWords next() {
    const DrawWords sum = state_[0] + state_[3], moved = state_[1] << 9;
    const DrawWords result = (sum << 7 | sum >> 25) + state_[0];
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= moved;
    state_[3] = state_[3] << 11 | state_[3] >> 21;
    return result;
  }

  DrawWords state_[4];
};

// How many of `shots` uniform numbers are below left / (left + right), in each lane.
inline DrawWords binomial(DrawWords shots, DrawNumbers left, DrawNumbers right, RandomBits& bits) {
  const DrawNumbers shares = left / (left + right) * 0x1p32;
  uint32_t highs[kDrawLanes], lows[kDrawLanes], sure[kDrawLanes];
  for (int k = 0; k < kDrawLanes; ++k) {
    // The first 64 bits of the share: all of its digits. It is no number where both are 0.
    const double share = left[k] > 0 ? shares[k] : 0.0;
    const int64_t whole = int64_t(share);
    highs[k] = uint32_t(whole);  // 0 for a share of 1
    lows[k] = uint32_t(int64_t((share - double(whole)) * 0x1p32));
    sure[k] = share >= 0x1p32 ? ~0u : 0u;  // also where the other's is lost by rounding
  }
  DrawWords high, low, below;
  std::memcpy(&high, highs, sizeof high);
  std::memcpy(&low, lows, sizeof low);
  std::memcpy(&below, sure, sizeof below);
  below &= shots;
  for (;;) {
    // Where no digit of the share is left, undecided numbers are not below it.
    shots &= DrawWords((high | low) != 0);
    if (!any(shots)) return below;
    // The next bit of the share, and of each number: those that differ from it are decided.
    const DrawWords ones = bits.heads(shots), zeros = shots - ones;
    const DrawWords bit = DrawWords((high >> 31) != 0);
    below += zeros & bit;
    shots = (ones & bit) | (zeros & ~bit);
    high = high << 1 | low >> 31;
    low <<= 1;
  }
}

// The counts of `kDrawLanes` samples of a row, or as many as there are; node k of the tree has the
// children 2k and 2k + 1.
template <typename T> void draw_counts(const Draws<T>& draws, int64_t number) {
  const int64_t tiles = (draws.batch + kDrawLanes - 1) / kDrawLanes;
  const int64_t row = number / tiles, first = number % tiles * kDrawLanes;
  const int lanes = int(std::min<int64_t>(kDrawLanes, draws.batch - first));
  const int64_t start = row * draws.outcomes * draws.batch + first;
  size_t leaves = 1;
  while (leaves < size_t(draws.outcomes)) leaves *= 2;
  thread_local std::vector<DrawNumbers> sums;
  thread_local std::vector<DrawWords> counts;
  sums.assign(2 * leaves, DrawNumbers{});
  counts.assign(2 * leaves, DrawWords{});
  for (int64_t k = 0; k < draws.outcomes; ++k)
    for (int lane = 0; lane < lanes; ++lane) {
      // What rounding left below zero, and NaN, are never drawn.
      const double p = double(draws.probabilities[start + k * draws.batch + lane]);
      sums[leaves + k][lane] = p > 0 && p <= 1e300 ? p : 0.0;
    }
  for (size_t k = leaves - 1; k > 0; --k) sums[k] = sums[2 * k] + sums[2 * k + 1];
  for (int lane = 0; lane < lanes; ++lane)
    if (sums[1][lane] > 0) counts[1][lane] = uint32_t(draws.shots);
  RandomBits bits(draws.words + 4 * row, first);
  for (size_t k = 1; k < leaves; ++k) {
    if (!any(counts[k])) continue;
    counts[2 * k] = binomial(counts[k], sums[2 * k], sums[2 * k + 1], bits);
    counts[2 * k + 1] = counts[k] - counts[2 * k];
  }
  for (int64_t k = 0; k < draws.outcomes; ++k)
    for (int lane = 0; lane < lanes; ++lane)
      draws.counts[start + k * draws.batch + lane] = T(counts[leaves + k][lane]);
}

}  // namespace qjax::QJAX_ISA
