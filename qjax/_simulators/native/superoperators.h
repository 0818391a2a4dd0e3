// Pauli vectors under blocks: real matrices on a few digits of base 4, one after the other.
//
// Blocks that together touch few digits form a group. A tile is all rows of those digits, for as
// many other rows or samples as a vector has lanes: it is copied to where it stays in the cache,
// all blocks of the group act on it there, and it is written back. So a group is one pass over the
// state, and its gradient needs the state before the group only: within a tile, the states between
// blocks are computed again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "superoperator_call.h"

namespace qjax::QJAX_ISA {

template <typename T> using Row = typename SuperRow<T>::Type;

// Sixteen rows of sixteen lanes become lanes and rows: bit by bit of their numbers, from the highest.
template <typename T> void transpose_lanes(Row<T>* x) {
  using Lanes = typename SuperRow<T>::Lanes;
  for (int bit = kSuperLanes / 2; bit; bit /= 2) {
    Lanes first, second;
    for (int l = 0; l < kSuperLanes; ++l) {
      first[l] = l & bit ? kSuperLanes + (l ^ bit) : l;
      second[l] = l & bit ? kSuperLanes + l : l ^ bit;
    }
    for (int i = 0; i < kSuperLanes; ++i) {
      if (i & bit) continue;
      const Row<T> a = x[i], b = x[i | bit];
#if defined(__clang__)
      for (int l = 0; l < kSuperLanes; ++l) {
        x[i][l] = first[l] < kSuperLanes ? a[first[l]] : b[first[l] - kSuperLanes];
        x[i | bit][l] = second[l] < kSuperLanes ? a[second[l]] : b[second[l] - kSuperLanes];
      }
#else
      x[i] = __builtin_shuffle(a, b, first);
      x[i | bit] = __builtin_shuffle(a, b, second);
#endif
    }
  }
}

// Where rows and lanes of tiles lie in memory, in numbers from the tile's own first one.
template <typename T> struct TileShape {
  int rows;                          // 4 to the power of the group's digits
  std::vector<int64_t> row_offsets;  // of each row
  int64_t lane_offsets[kSuperLanes];
  bool contiguous;                   // lanes lie side by side
  bool rows_contiguous;              // each sixteen rows do
  std::vector<int64_t> bases;        // of the tiles of one chunk of lanes
  int64_t chunks;                    // of samples
};

template <typename T>
TileShape<T> tile_shape(const SuperCall<T>& call, const SuperGroup& group) {
  TileShape<T> shape{};
  const int n = call.header.num_digits;
  auto stride = [&](int digit) { return call.batch << 2 * digit; };
  shape.rows = 1 << 2 * group.num_digits;
  shape.row_offsets.resize(shape.rows);
  for (int r = 0; r < shape.rows; ++r)
    for (int k = 0; k < group.num_digits; ++k)
      shape.row_offsets[r] += (r >> 2 * k & 3) * stride(group.digits[k]);
  shape.rows_contiguous = !call.header.by_samples && call.batch == 1 && group.num_digits >= 2 &&
                          group.digits[0] == 0 && group.digits[1] == 1;
  std::vector<int> free;
  for (int digit = 0; digit < n; ++digit)
    if (std::find(group.digits, group.digits + group.num_digits, digit) ==
        group.digits + group.num_digits)
      free.push_back(digit);
  shape.bases = {0};
  shape.chunks = 1;
  size_t used = 0;
  if (call.header.by_samples) {
    for (int l = 0; l < kSuperLanes; ++l) shape.lane_offsets[l] = l;
    shape.contiguous = true;
    shape.chunks = (call.batch + kSuperLanes - 1) / kSuperLanes;
  } else {
    used = std::min<size_t>(2, free.size());
    for (int l = 0; l < kSuperLanes; ++l) {
      shape.lane_offsets[l] = 0;
      for (size_t k = 0; k < used; ++k)
        shape.lane_offsets[l] += (l >> 2 * k & 3) * stride(free[k]);
    }
    shape.contiguous = used == 2 && call.batch == 1 && free[0] == 0 && free[1] == 1;
    // Samples one after the other.
    shape.bases.resize(call.batch);
    for (int64_t b = 0; b < call.batch; ++b) shape.bases[b] = b;
  }
  for (size_t k = used; k < free.size(); ++k) {
    const size_t count = shape.bases.size();
    for (int digit = 1; digit < 4; ++digit)
      for (size_t at = 0; at < count; ++at)
        shape.bases.push_back(shape.bases[at] + digit * stride(free[k]));
  }
  return shape;
}

template <typename T> struct Tiles {
  const SuperCall<T>& call;
  const SuperGroup& group;
  TileShape<T> shape;

  Tiles(const SuperCall<T>& c, const SuperGroup& g) : call(c), group(g), shape(tile_shape(c, g)) {}

  int64_t count() const { return shape.chunks * int64_t(shape.bases.size()); }

  // The lanes of a tile that exist.
  int lanes(int64_t chunk) const {
    if (call.header.by_samples)
      return int(std::min<int64_t>(kSuperLanes, call.batch - chunk * kSuperLanes));
    const int free = call.header.num_digits - group.num_digits;
    return free >= 2 ? kSuperLanes : 1 << 2 * free;
  }

  void load(const T* state, int64_t chunk, int64_t base, Row<T>* tile) const {
    const T* from = state + base + (call.header.by_samples ? chunk * kSuperLanes : 0);
    const int here = lanes(chunk);
    T* to = reinterpret_cast<T*>(tile);
    if (shape.contiguous && here == kSuperLanes) {
      for (int r = 0; r < shape.rows; ++r)
        std::copy_n(from + shape.row_offsets[r], kSuperLanes, to + r * kSuperLanes);
      return;
    }
    if (shape.rows_contiguous && here == kSuperLanes) {
      for (int r = 0; r < shape.rows; r += kSuperLanes) {
        Row<T> x[kSuperLanes];
        for (int l = 0; l < kSuperLanes; ++l)
          std::copy_n(from + shape.row_offsets[r] + shape.lane_offsets[l], kSuperLanes,
                      reinterpret_cast<T*>(&x[l]));
        transpose_lanes<T>(x);
        std::copy_n(x, kSuperLanes, tile + r);
      }
      return;
    }
    std::fill_n(to, shape.rows * kSuperLanes, T(0));
    for (int r0 = 0; r0 < shape.rows; r0 += 16)
      for (int l = 0; l < here; ++l)
        for (int r = r0; r < std::min(shape.rows, r0 + 16); ++r)
          to[r * kSuperLanes + l] = from[shape.row_offsets[r] + shape.lane_offsets[l]];
  }

  void store(const Row<T>* tile, int64_t chunk, int64_t base, T* state) const {
    T* to = state + base + (call.header.by_samples ? chunk * kSuperLanes : 0);
    const int here = lanes(chunk);
    const T* from = reinterpret_cast<const T*>(tile);
    if (shape.contiguous && here == kSuperLanes) {
      for (int r = 0; r < shape.rows; ++r)
        std::copy_n(from + r * kSuperLanes, kSuperLanes, to + shape.row_offsets[r]);
      return;
    }
    if (shape.rows_contiguous && here == kSuperLanes) {
      for (int r = 0; r < shape.rows; r += kSuperLanes) {
        Row<T> x[kSuperLanes];
        std::copy_n(tile + r, kSuperLanes, x);
        transpose_lanes<T>(x);
        for (int l = 0; l < kSuperLanes; ++l)
          std::copy_n(reinterpret_cast<const T*>(&x[l]), kSuperLanes,
                      to + shape.row_offsets[r] + shape.lane_offsets[l]);
      }
      return;
    }
    for (int r0 = 0; r0 < shape.rows; r0 += 16)
      for (int l = 0; l < here; ++l)
        for (int r = r0; r < std::min(shape.rows, r0 + 16); ++r)
          to[shape.row_offsets[r] + shape.lane_offsets[l]] = from[r * kSuperLanes + l];
  }
};

// A block in the rows of a tile: its matrix acts on the rows base + inner[k], for each base.
template <typename T> struct BlockRows {
  std::vector<int> inner, bases;
  BlockRows(const SuperBlock& block, const SuperGroup& group) {
    int places[kMostSuperDigits];
    for (int k = 0; k < block.width; ++k)
      places[k] = int(std::find(group.digits, group.digits + group.num_digits, block.digits[k]) -
                      group.digits);
    inner.assign(1, 0);
    for (int k = 0; k < block.width; ++k) {
      const size_t count = inner.size();
      for (int digit = 1; digit < 4; ++digit)
        for (size_t at = 0; at < count; ++at) inner.push_back(inner[at] + (digit << 2 * places[k]));
    }
    int taken = 0;
    for (int k = 0; k < block.width; ++k) taken |= 3 << 2 * places[k];
    for (int r = 0; r < 1 << 2 * group.num_digits; ++r)
      if (!(r & taken)) bases.push_back(r);
  }
};

// The matrix of a block: numbers that all lanes share, or rows of one number per lane.
template <typename T, typename Entry, int kSize, bool kTransposed>
void multiply(const Entry* matrix, const BlockRows<T>& rows, Row<T>* tile) {
  constexpr int row_step = kTransposed ? 1 : kSize, column_step = kTransposed ? kSize : 1;
  for (const int base : rows.bases) {
    Row<T> x[kSize], y[kSize];
    for (int j = 0; j < kSize; ++j) x[j] = tile[base + rows.inner[j]];
    // So many sums at once as hide how long one addition takes.
    constexpr int kSums = kSize < 8 ? kSize : 8;
    for (int i = 0; i < kSize; i += kSums) {
      Row<T> sums[kSums] = {};
      const Entry* m = matrix + i * row_step;
      for (int j = 0; j < kSize; ++j, m += column_step)
        for (int k = 0; k < kSums; ++k) sums[k] += m[k * row_step] * x[j];
      for (int k = 0; k < kSums; ++k) y[i + k] = sums[k];
    }
    for (int i = 0; i < kSize; ++i) tile[base + rows.inner[i]] = y[i];
  }
}

// sums[i, j] += cotangent row i times state row j, lane by lane.
template <typename T, int kSize>
void add_outer_products(const BlockRows<T>& rows, const Row<T>* state, const Row<T>* cotangent,
                        Row<T>* sums) {
  for (int i = 0; i < kSize; i += 4)
    for (int j = 0; j < kSize; j += 4) {
      Row<T> sum[4][4];
      for (int a = 0; a < 4; ++a)
        for (int b = 0; b < 4; ++b) sum[a][b] = sums[(i + a) * kSize + j + b];
      for (const int base : rows.bases) {
        Row<T> x[4];
        for (int b = 0; b < 4; ++b) x[b] = state[base + rows.inner[j + b]];
        for (int a = 0; a < 4; ++a) {
          const Row<T> g = cotangent[base + rows.inner[i + a]];
          for (int b = 0; b < 4; ++b) sum[a][b] += g * x[b];
        }
      }
      for (int a = 0; a < 4; ++a)
        for (int b = 0; b < 4; ++b) sums[(i + a) * kSize + j + b] = sum[a][b];
    }
}

// The blocks of a group, ready to act on its tiles.
template <typename T> struct GroupBlocks {
  const SuperCall<T>& call;
  const SuperGroup& group;
  std::vector<BlockRows<T>> rows;

  GroupBlocks(const SuperCall<T>& c, const SuperGroup& g) : call(c), group(g) {
    for (int k = 0; k < g.num_blocks; ++k) rows.emplace_back(block(k), g);
  }

  const SuperBlock& block(int k) const { return call.blocks[group.first_block + k]; }
  int size(int k) const { return 1 << 2 * block(k).width; }

  // The numbers of a matrix that differs per sample, of the samples of a chunk.
  void pack(int k, int64_t chunk, Row<T>* packed) const {
    const int64_t entries = int64_t(size(k)) * size(k), first = chunk * kSuperLanes;
    const int here = int(std::min<int64_t>(kSuperLanes, call.batch - first));
    const T* from = call.per_sample + block(k).matrix * entries * call.batch + first;
    T* to = reinterpret_cast<T*>(packed);
    for (int64_t e = 0; e < entries; ++e) {
      std::copy_n(from + e * call.batch, here, to + e * kSuperLanes);
      std::fill_n(to + e * kSuperLanes + here, kSuperLanes - here, T(0));
    }
  }

  template <bool kTransposed>
  void act(int k, int64_t chunk, Row<T>* packed, Row<T>* tile) const {
    if (block(k).is_per_sample) {
      pack(k, chunk, packed);
      with_size(k, [&](auto size) {
        multiply<T, Row<T>, decltype(size)::value, kTransposed>(packed, rows[k], tile);
      });
    } else {
      const T* matrix = call.shared + int64_t(block(k).matrix) * size(k) * size(k);
      with_size(k, [&](auto size) {
        multiply<T, T, decltype(size)::value, kTransposed>(matrix, rows[k], tile);
      });
    }
  }

  void add_outer(int k, const Row<T>* state, const Row<T>* cotangent, Row<T>* sums) const {
    with_size(k, [&](auto size) {
      add_outer_products<T, decltype(size)::value>(rows[k], state, cotangent, sums);
    });
  }

  template <typename Body> void with_size(int k, Body body) const {
    switch (block(k).width) {
      case 1: return body(std::integral_constant<int, 4>{});
      case 2: return body(std::integral_constant<int, 16>{});
      default: return body(std::integral_constant<int, 64>{});
    }
  }

  int64_t entries() const {
    int64_t most = 0;
    for (int k = 0; k < group.num_blocks; ++k) most = std::max<int64_t>(most, size(k) * size(k));
    return most;
  }
};

template <typename T> Row<T>* rows_of(std::vector<T>& memory, int64_t count) {
  memory.resize((count + 1) * kSuperLanes);
  auto address = reinterpret_cast<uintptr_t>(memory.data());
  constexpr uintptr_t kAlign = sizeof(Row<T>);
  return reinterpret_cast<Row<T>*>((address + kAlign - 1) / kAlign * kAlign);
}

// How many parts of the tiles run side by side; of matrices that differ per sample, those of a chunk
// of samples are one.
template <typename T> int64_t num_parts(const SuperCall<T>& call, const Tiles<T>& tiles) {
  return call.header.num_per_sample ? tiles.shape.chunks
                                    : std::min<int64_t>(tiles.count(), kMostSuperParts);
}

// Tiles in parts; which tiles a part has, and the order of parts, do not depend on threads.
template <typename T, typename Body>
void in_parts(const SuperCall<T>& call, const Tiles<T>& tiles, int64_t work, Body body) {
  const int64_t count = tiles.count(), parts = num_parts(call, tiles);
  call.fork(parts, work * count / std::max<int64_t>(parts, 1), [&](int64_t part) {
    body(part, count * part / parts, count * (part + 1) / parts);
  });
}

template <typename T> int64_t work_of(const GroupBlocks<T>& blocks, const Tiles<T>& tiles) {
  int64_t work = 0;
  for (int k = 0; k < blocks.group.num_blocks; ++k) work += blocks.size(k);
  return work * tiles.shape.rows * kSuperLanes / 4;
}

// One group: from -> to, which may be the same.
template <typename T> void run_group(const SuperCall<T>& call, int number, const T* from, T* to) {
  const SuperGroup& group = call.groups[number];
  const Tiles<T> tiles(call, group);
  const GroupBlocks<T> blocks(call, group);
  in_parts(call, tiles, work_of(blocks, tiles), [&](int64_t, int64_t first, int64_t end) {
    std::vector<T> memory, packed_memory;
    Row<T>* tile = rows_of(memory, tiles.shape.rows);
    Row<T>* packed = rows_of(packed_memory, call.header.num_per_sample ? blocks.entries() : 0);
    for (int64_t k = first; k < end; ++k) {
      const int64_t each = tiles.shape.bases.size();
      const int64_t chunk = k / each, base = tiles.shape.bases[k % each];
      tiles.load(from, chunk, base, tile);
      for (int b = 0; b < group.num_blocks; ++b) blocks.template act<false>(b, chunk, packed, tile);
      tiles.store(tile, chunk, base, to);
    }
  });
}

// Cotangents of matrices and of the state before a group, from the one after it, in its place.
template <typename T> void run_group_back(const SuperCall<T>& call, int number, const T* before,
                                          T* cotangent, T* to_shared, T* to_per_sample) {
  const SuperGroup& group = call.groups[number];
  const Tiles<T> tiles(call, group);
  const GroupBlocks<T> blocks(call, group);
  const int64_t rows = tiles.shape.rows;
  std::vector<int64_t> starts(1, 0);
  for (int b = 0; b < group.num_blocks; ++b)
    starts.push_back(starts.back() + int64_t(blocks.size(b)) * blocks.size(b));
  std::vector<std::vector<double>> sums(num_parts(call, tiles));
  in_parts(call, tiles, 4 * work_of(blocks, tiles), [&](int64_t part, int64_t first, int64_t end) {
    std::vector<T> memory, sum_memory, packed_memory;
    Row<T>* states = rows_of(memory, (group.num_blocks + 1) * rows);
    Row<T>* moving = states + group.num_blocks * rows;
    Row<T>* totals = rows_of(sum_memory, starts.back());
    Row<T>* packed = rows_of(packed_memory, call.header.num_per_sample ? blocks.entries() : 0);
    std::fill_n(reinterpret_cast<T*>(totals), starts.back() * kSuperLanes, T(0));
    const int64_t each = tiles.shape.bases.size();
    for (int64_t k = first; k < end; ++k) {
      const int64_t chunk = k / each, base = tiles.shape.bases[k % each];
      tiles.load(before, chunk, base, states);
      for (int b = 0; b + 1 < group.num_blocks; ++b) {
        std::copy_n(states + b * rows, rows, states + (b + 1) * rows);
        blocks.template act<false>(b, chunk, packed, states + (b + 1) * rows);
      }
      tiles.load(cotangent, chunk, base, moving);
      for (int b = group.num_blocks - 1; b >= 0; --b) {
        blocks.add_outer(b, states + b * rows, moving, totals + starts[b]);
        blocks.template act<true>(b, chunk, packed, moving);
      }
      tiles.store(moving, chunk, base, cotangent);
    }
    if (call.header.num_per_sample) {
      // A part is a chunk of samples: nobody else writes to theirs.
      const int64_t chunk = part, lanes = tiles.lanes(chunk);
      for (int b = 0; b < group.num_blocks; ++b) {
        if (!blocks.block(b).is_per_sample) continue;
        const int64_t entries = starts[b + 1] - starts[b];
        T* to = to_per_sample + blocks.block(b).matrix * entries * call.batch + chunk * kSuperLanes;
        const T* from = reinterpret_cast<const T*>(totals + starts[b]);
        for (int64_t e = 0; e < entries; ++e)
          std::copy_n(from + e * kSuperLanes, lanes, to + e * call.batch);
      }
    }
    sums[part].assign(starts.back(), 0.0);
    for (int64_t e = 0; e < starts.back(); ++e)
      for (int l = 0; l < kSuperLanes; ++l) sums[part][e] += totals[e][l];
  });
  for (int b = 0; b < group.num_blocks; ++b) {
    if (blocks.block(b).is_per_sample) continue;
    T* to = to_shared + blocks.block(b).matrix * (starts[b + 1] - starts[b]);
    for (int64_t e = starts[b]; e < starts[b + 1]; ++e) {
      double total = 0;
      for (const auto& own : sums) total += own[e];
      to[e - starts[b]] = T(total);
    }
  }
}

// All groups. Of every so many, the state before the first is kept for the gradient.
template <typename T>
void superoperate(const SuperCall<T>& call, const T* start, int64_t every, T* kept, T* state) {
  const int64_t size = call.batch << 2 * call.header.num_digits;
  const T* from = start;
  for (int g = 0; g < call.header.num_groups; ++g) {
    const int64_t next = g + 1;
    const bool is_kept = kept && next < call.header.num_groups && next % every == 0;
    T* to = is_kept ? kept + (next / every - 1) * size : state;
    run_group(call, g, from, to);
    from = to;
  }
  if (from == start) std::copy_n(start, size, state);
}

// Their gradient; `cotangent` is that of the state at the end, and becomes that of the start.
template <typename T>
void superoperate_back(const SuperCall<T>& call, const T* start, int64_t every, const T* kept,
                       T* cotangent, T* to_shared, T* to_per_sample) {
  const int64_t size = call.batch << 2 * call.header.num_digits;
  const int64_t groups = call.header.num_groups;
  std::vector<T> again(size * std::max<int64_t>(0, std::min(every, groups) - 1));
  for (int64_t part = (groups + every - 1) / every - 1; part >= 0; --part) {
    const int64_t first = part * every, end = std::min(groups, first + every);
    const T* at_first = part ? kept + (part - 1) * size : start;
    auto before = [&](int64_t g) { return g == first ? at_first : &again[(g - first - 1) * size]; };
    for (int64_t g = first; g + 1 < end; ++g)
      run_group(call, int(g), before(g), &again[(g - first) * size]);
    for (int64_t g = end - 1; g >= first; --g)
      run_group_back(call, int(g), before(g), cotangent, to_shared, to_per_sample);
  }
}

}  // namespace qjax::QJAX_ISA
