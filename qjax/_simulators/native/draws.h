// Probabilities -> how many of so many shots had each outcome: multinomial draws.
//
// Shots are shared out down a binary tree over the outcomes. How many of n go to the left half is a
// binomial draw, which compares n uniform numbers with the probability, bit by bit and all at once:
// of those that are undecided, a fair coin for each says how many stay so, and fair coins are the
// bits that are set in random words. Half are decided by each bit, so n shots take about 2n random
// bits, not n words.
//
// Level l of the tree has 2^l nodes; node k has the children k and k + 2^l, so that leaves are the
// outcomes in their order. Nodes lie one behind the other, with all samples of a tile side by side
// in each: so do the draws of a level, as many of them as lanes at once, whatever the batch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#include "kernels.h"

namespace qjax::QJAX_ISA {

constexpr int kDrawLanes = 8;

typedef uint32_t DrawWords __attribute__((vector_size(4 * kDrawLanes)));
typedef int32_t DrawSigns __attribute__((vector_size(4 * kDrawLanes)));

inline bool any(DrawWords words) {
#if defined(__AVX__)
  return !_mm256_testz_si256((__m256i)words, (__m256i)words);
#else
  uint64_t parts[kDrawLanes / 2], all = 0;
  std::memcpy(parts, &words, sizeof words);
  for (uint64_t part : parts) all |= part;
  return all != 0;
#endif
}

// All bits set where the highest one is.
inline DrawWords spread(DrawWords words) { return DrawWords(DrawSigns(words) >> 31); }

// The lowest `count` bits, less than 32.
inline DrawWords first_bits(DrawWords count) { return ((DrawWords{} + 1) << count) - 1; }

// How many bits of each byte are set.
inline DrawWords bits_of_bytes(DrawWords x) {
  x = x - ((x >> 1) & 0x55555555u);
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  return (x + (x >> 4)) & 0x0f0f0f0fu;
}

inline DrawWords sum_of_bytes(DrawWords x) {
  x = (x & 0x00ff00ffu) + ((x >> 8) & 0x00ff00ffu);
  return (x & 0xffffu) + (x >> 16);
}

// xoshiro128++ of D. Blackman and S. Vigna, ACM TOMS 47, 36 (2021), started by splitmix64: a stream
// of its own for each lane.
class RandomBits {
 public:
  RandomBits(const uint32_t* words, int64_t first) {
    const uint64_t low = words[0] | uint64_t(words[1]) << 32;
    const uint64_t high = words[2] | uint64_t(words[3]) << 32;
    uint32_t state[4][kDrawLanes];
    for (int k = 0; k < kDrawLanes; ++k) {
      uint64_t from = mixed(low + mixed(uint64_t(first + k) + kGolden));
      for (int part = 0; part < 4; part += 2) {
        const uint64_t word = mixed((from += kGolden) ^ high);
        state[part][k] = uint32_t(word);
        state[part + 1][k] = uint32_t(word >> 32) | (part == 2);  // all zeros would stay so
      }
    }
    std::memcpy(&a_, state[0], sizeof a_);
    std::memcpy(&b_, state[1], sizeof b_);
    std::memcpy(&c_, state[2], sizeof c_);
    std::memcpy(&d_, state[3], sizeof d_);
  }

  DrawWords next() {
    const DrawWords sum = a_ + d_, moved = b_ << 9;
    c_ ^= a_;
    d_ ^= b_;
    b_ ^= c_;
    const DrawWords result = (sum << 7 | sum >> 25) + a_;
    a_ ^= d_;
    c_ ^= moved;
    d_ = d_ << 11 | d_ >> 21;
    return result;
  }

  // How many of `coins` fair coins show heads.
  DrawWords heads(DrawWords coins) {
    DrawWords bytes = bits_of_bytes(next() & first_bits(coins & 31)), sum{};
    int added = 1;
    for (DrawWords words = coins >> 5; any(words);) {
      const DrawWords live = DrawWords(DrawSigns(words) > 0);
      bytes += bits_of_bytes(next() & live);
      words += live;
      if (++added == 31) {  // a byte has room for 31 times 8
        sum += sum_of_bytes(bytes);
        bytes = DrawWords{};
        added = 0;
      }
    }
    return sum + sum_of_bytes(bytes);
  }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

  static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
  }

  DrawWords a_, b_, c_, d_;
};

// The first 61 bits of shares of one.
struct Digits {
  DrawWords high, low;

  // All bits set where the next digit is one.
  DrawWords next() {
    const DrawWords bit = spread(high);
    high = high << 1 | low >> 31;
    low <<= 1;
    return bit;
  }
};

// Of `left` in `both`; of a share of one, `whole` has all bits set. Compilers make vectors of this as
// it compares no numbers: where those may trap, a comparison is a branch to them.
inline void digits_of(const double* left, const double* both, int64_t count, uint32_t* high,
                      uint32_t* low, uint32_t* whole) {
  for (int64_t k = 0; k < count; ++k) {
    const double share = left[k] / (both[k] + std::numeric_limits<double>::min()) * 0x1p30;
    const int32_t first = int32_t(share), rest = int32_t((share - first) * 0x1p31);
    high[k] = uint32_t(first) << 2 | uint32_t(rest) >> 29;
    low[k] = uint32_t(rest) << 3;
    whole[k] = -(uint32_t(first) >> 30);
  }
}

// How many of `shots` uniform numbers are below a share, in each lane.
inline DrawWords binomial(DrawWords shots, Digits share, RandomBits& bits) {
  DrawWords below{};
  // Of each number, the next digit: those whose digit is not that of the share are decided.
  while (any(shots >> 5)) {
    const DrawWords bit = share.next(), ones = bits.heads(shots), zeros = shots - ones;
    below += zeros & bit;
    shots = (ones & bit) | (zeros & ~bit);
  }
  // So few that each has a bit of its own.
  DrawWords undecided = first_bits(shots), found{};
  while (any(undecided)) {
    const DrawWords bit = share.next(), ones = bits.next();
    found |= undecided & bit & ~ones;
    undecided &= ~(ones ^ bit);
  }
  return below + sum_of_bytes(bits_of_bytes(found));
}

inline DrawWords loaded(const uint32_t* from) {
  DrawWords words;
  std::memcpy(&words, from, sizeof words);
  return words;
}

// Memory for a tile, which each thread keeps. Vectors may reach beyond the last number.
struct DrawTile {
  std::vector<double> sums, missing;
  std::vector<uint32_t> counts, high, low, whole;

  void resize(int64_t leaves, int64_t width) {
    const int64_t size = leaves * width;
    sums.resize(2 * size);
    missing.assign(width, 0.0);
    counts.assign(size + kDrawLanes, 0);
    for (auto* digits : {&high, &low, &whole}) digits->resize(size / 2 + kDrawLanes);
  }

  // From the counts of `count` nodes those of their children, which stand behind them.
  void share_out(int64_t count, RandomBits& bits) {
    const double* both = sums.data() + count;
    digits_of(both + count, both, count, high.data(), low.data(), whole.data());
    // From behind: lanes beyond the last node hold zeros, which others overwrite.
    for (int64_t k = (count - 1) / kDrawLanes * kDrawLanes; k >= 0; k -= kDrawLanes) {
      const DrawWords own = loaded(&counts[k]);
      if (!any(own)) continue;
      const DrawWords sure = own & loaded(&whole[k]);
      const Digits share{loaded(&high[k]), loaded(&low[k])};
      const DrawWords left = sure + binomial(own - sure, share, bits), right = own - left;
      std::memcpy(&counts[k], &left, sizeof left);
      std::memcpy(&counts[count + k], &right, sizeof right);
    }
  }
};

// The counts of tile `number`.
template <typename T> void draw_counts(const Draws<T>& draws, int64_t number) {
  const int64_t samples = draws.samples_of_tile(), tiles = draws.tiles_of_row();
  const int64_t row = number / tiles, first = number % tiles * samples;
  const int64_t width = std::min(samples, draws.batch - first);
  const int64_t start = row * draws.outcomes * draws.batch + first;
  const int64_t size = draws.leaves() * width;
  thread_local DrawTile tile;
  tile.resize(draws.leaves(), width);
  // Sums of the nodes of level l start at 2^l * width.
  double* sums = tile.sums.data();
  for (int64_t k = 0; k < draws.outcomes; ++k) {
    const T* from = draws.probabilities + start + k * draws.batch;
    for (int64_t j = 0; j < width; ++j) {
      const double p = double(from[j]);
      // What rounding left below zero, and NaN, are never drawn.
      sums[size + k * width + j] = p > 0 && p <= 1e300 ? p : 0.0;
      tile.missing[j] += 0.0 * p;
    }
  }
  std::fill(sums + size + draws.outcomes * width, sums + 2 * size, 0.0);
  for (int64_t count = size / 2; count >= width; count /= 2)
    for (int64_t k = count; k < 2 * count; ++k) sums[k] = sums[k + count] + sums[k + 2 * count];
  for (int64_t j = 0; j < width; ++j)
    tile.counts[j] = sums[width + j] > 0 ? uint32_t(draws.shots) : 0;
  RandomBits bits(draws.words + 4 * row, number % tiles * kDrawLanes);
  for (int64_t count = width; count < size; count *= 2) tile.share_out(count, bits);
  for (int64_t k = 0; k < draws.outcomes; ++k) {
    T* to = draws.counts + start + k * draws.batch;
    for (int64_t j = 0; j < width; ++j)
      to[j] = T(tile.counts[k * width + j]) + T(tile.missing[j]);
  }
}

}  // namespace qjax::QJAX_ISA
