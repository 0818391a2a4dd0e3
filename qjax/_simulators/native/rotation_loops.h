// The loops of rotations over a block: pairs of vectors, lanes of each vector, and two rotations
// with different differences on four vectors in registers.
//
// Rotations are passed by value: what a loop writes cannot be them, so that they stay in registers.
#pragma once

#include <algorithm>
#include <type_traits>

#include "rotations.h"

namespace qjax::QJAX_ISA {

template <bool kShuffles, typename T>
inline Amplitudes<T> partner_of(const Amplitudes<T>& x, const Mask<T>& lanes) {
  if constexpr (kShuffles) return {shuffled<T>(x.re, lanes), shuffled<T>(x.im, lanes)};
  return x;
}

// c x - s y, or c x - i s y
template <bool kCrossed, typename T>
inline Amplitudes<T> turned(Vector<T> c, Vector<T> s, const Amplitudes<T>& x,
                            const Amplitudes<T>& y) {
  if constexpr (kCrossed) return {c * x.re + s * y.im, c * x.im - s * y.re};
  return {c * x.re - s * y.re, c * x.im - s * y.im};
}

// sum += Re conj(g) y, or Re conj(g) i y
template <bool kCrossed, typename T>
inline void add_product(Vector<T>& sum, const Amplitudes<T>& g, const Amplitudes<T>& y) {
  if constexpr (kCrossed)
    sum += g.im * y.re - g.re * y.im;
  else
    sum += g.re * y.re + g.im * y.im;
}

template <bool kCrossed, bool kShuffles, typename T>
QJAX_INLINE void turn(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y) {
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes);
  const Amplitudes<T> py = partner_of<kShuffles>(y, by.lanes);
  x = turned<kCrossed>(by.cosine, by.sines[r], x, py);
  y = turned<kCrossed>(by.cosine, by.sines[r ^ by.difference_class], y, px);
}

// Undo the rotation of a pair and of its cotangents; `by` is the inverse.
template <bool kCrossed, bool kShuffles, typename T>
QJAX_INLINE void turn_back(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y,
                           Amplitudes<T>& gx, Amplitudes<T>& gy, Vector<T>* sums) {
  const Vector<T> c = by.cosine, sx = by.sines[r], sy = by.sines[r ^ by.difference_class];
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes);
  const Amplitudes<T> py = partner_of<kShuffles>(y, by.lanes);
  add_product<kCrossed>(sums[r], gx, py);
  add_product<kCrossed>(sums[r ^ by.difference_class], gy, px);
  x = turned<kCrossed>(c, sx, x, py);
  y = turned<kCrossed>(c, sy, y, px);
  const Amplitudes<T> qx = partner_of<kShuffles>(gx, by.lanes);
  const Amplitudes<T> qy = partner_of<kShuffles>(gy, by.lanes);
  gx = turned<kCrossed>(c, sx, gx, qy);
  gy = turned<kCrossed>(c, sy, gy, qx);
}

// Four rows, of which two differences lead from one to all: representatives have zeros at pivots.
struct Quads {
  uint32_t first, second;   // the differences
  uint32_t low, high;       // the lower and the higher pivot, as bits
  Quads(uint32_t first, uint32_t second) : first(first), second(second) {
    const uint32_t one = highest_bit(first), rest = second & one ? second ^ first : second;
    const uint32_t two = highest_bit(rest);
    low = std::min(one, two), high = std::max(one, two);
  }
  uint32_t at(uint32_t k) const { return with_zero(with_zero(k, low), high); }
};

template <bool kCrossed, bool kShuffles, typename T>
void turn_pairs(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state) {
  const uint32_t d = by.difference, pivot = highest_bit(d);
  for (uint32_t k = 0; k < vectors / 2; ++k) {
    const uint32_t v = with_zero(k, pivot);
    Amplitudes<T> x = state[v], y = state[v ^ d];
    turn<kCrossed, kShuffles>(by, by.class_of(v), x, y);
    state[v] = x;
    state[v ^ d] = y;
  }
}

template <bool kCrossed, bool kShuffles, typename T>
void turn_quads(Rotation<T> one, Rotation<T> two, uint32_t vectors,
                Amplitudes<T>* state) {
  const Quads quads(one.difference, two.difference);
  const int one_beside = parity(one.mask & two.difference);
  const int two_beside = parity(two.mask & one.difference);
  const uint32_t d = one.difference, e = two.difference;
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const uint32_t v = quads.at(k);
    const int r = one.class_of(v), s = two.class_of(v);
    Amplitudes<T> x = state[v], y = state[v ^ d], z = state[v ^ e], w = state[v ^ d ^ e];
    turn<kCrossed, kShuffles>(one, r, x, y);
    turn<kCrossed, kShuffles>(one, r ^ one_beside, z, w);
    turn<kCrossed, kShuffles>(two, s, x, z);
    turn<kCrossed, kShuffles>(two, s ^ two_beside, y, w);
    state[v] = x;
    state[v ^ d] = y;
    state[v ^ e] = z;
    state[v ^ d ^ e] = w;
  }
}

// Rows that are paired with another lane of the same vector.
template <bool kCrossed, typename T>
void turn_lanes(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state) {
  for (uint32_t v = 0; v < vectors; ++v)
    state[v] = turned<kCrossed>(by.cosine, by.sines[by.class_of(v)], state[v],
                                partner_of<true>(state[v], by.lanes));
}

template <bool kCrossed, bool kShuffles, typename T>
void turn_pairs_back(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_angle) {
  Vector<T> sums[2] = {to_angle[0], to_angle[1]};
  const uint32_t d = by.difference, pivot = highest_bit(d);
  for (uint32_t k = 0; k < vectors / 2; ++k) {
    const uint32_t v = with_zero(k, pivot);
    Amplitudes<T> x = state[v], y = state[v ^ d], gx = cotangent[v], gy = cotangent[v ^ d];
    turn_back<kCrossed, kShuffles>(by, by.class_of(v), x, y, gx, gy, sums);
    state[v] = x, state[v ^ d] = y;
    cotangent[v] = gx, cotangent[v ^ d] = gy;
  }
  std::copy_n(sums, 2, to_angle);
}

template <bool kCrossed, bool kShuffles, typename T>
void turn_quads_back(Rotation<T> one, Rotation<T> two, uint32_t vectors,
                     Amplitudes<T>* state, Amplitudes<T>* cotangent, Vector<T>* to_first,
                     Vector<T>* to_second) {
  Vector<T> to_one[2] = {to_first[0], to_first[1]}, to_two[2] = {to_second[0], to_second[1]};
  const Quads quads(one.difference, two.difference);
  const int one_beside = parity(one.mask & two.difference);
  const int two_beside = parity(two.mask & one.difference);
  const uint32_t d = one.difference, e = two.difference;
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const uint32_t v = quads.at(k);
    const int r = one.class_of(v), s = two.class_of(v);
    Amplitudes<T> x = state[v], y = state[v ^ d], z = state[v ^ e], w = state[v ^ d ^ e];
    Amplitudes<T> gx = cotangent[v], gy = cotangent[v ^ d], gz = cotangent[v ^ e],
                  gw = cotangent[v ^ d ^ e];
    turn_back<kCrossed, kShuffles>(one, r, x, y, gx, gy, to_one);
    turn_back<kCrossed, kShuffles>(one, r ^ one_beside, z, w, gz, gw, to_one);
    turn_back<kCrossed, kShuffles>(two, s, x, z, gx, gz, to_two);
    turn_back<kCrossed, kShuffles>(two, s ^ two_beside, y, w, gy, gw, to_two);
    state[v] = x, state[v ^ d] = y, state[v ^ e] = z, state[v ^ d ^ e] = w;
    cotangent[v] = gx, cotangent[v ^ d] = gy, cotangent[v ^ e] = gz, cotangent[v ^ d ^ e] = gw;
  }
  std::copy_n(to_one, 2, to_first);
  std::copy_n(to_two, 2, to_second);
}

template <bool kCrossed, typename T>
void turn_lanes_back(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_angle) {
  Vector<T> sums[2] = {to_angle[0], to_angle[1]};
  for (uint32_t v = 0; v < vectors; ++v) {
    const int r = by.class_of(v);
    const Amplitudes<T> x = state[v], g = cotangent[v], px = partner_of<true>(x, by.lanes);
    add_product<kCrossed>(sums[r], g, px);
    state[v] = turned<kCrossed>(by.cosine, by.sines[r], x, px);
    cotangent[v] = turned<kCrossed>(by.cosine, by.sines[r], g, partner_of<true>(g, by.lanes));
  }
  std::copy_n(sums, 2, to_angle);
}

// ---------------------------------------------------------------- which loop

template <typename T> bool go_together(const Rotation<T>& one, const Rotation<T>& two) {
  return one.is_crossed == two.is_crossed && one.difference != 0 && two.difference != 0 &&
         one.difference != two.difference;
}

// body(crossed, shuffles): both as types, so that each combination is a loop of its own.
template <typename Body> void with_form(bool is_crossed, bool shuffles, Body body) {
  using No = std::false_type;
  using Yes = std::true_type;
  if (is_crossed)
    shuffles ? body(Yes{}, Yes{}) : body(Yes{}, No{});
  else
    shuffles ? body(No{}, Yes{}) : body(No{}, No{});
}

template <typename T>
void apply(const Rotation<T>& by, uint32_t vectors, Amplitudes<T>* state) {
  with_form(by.is_crossed, by.lane_distance != 0, [&](auto crossed, auto shuffles) {
    if (by.difference == 0) return turn_lanes<crossed.value>(by, vectors, state);
    turn_pairs<crossed.value, shuffles.value>(by, vectors, state);
  });
}

template <typename T>
void apply(const Rotation<T>& one, const Rotation<T>& two, uint32_t vectors, Amplitudes<T>* state) {
  const bool shuffles = (one.lane_distance | two.lane_distance) != 0;
  with_form(one.is_crossed, shuffles, [&](auto crossed, auto shuffles) {
    turn_quads<crossed.value, shuffles.value>(one, two, vectors, state);
  });
}

template <typename T>
void pull_back(const Rotation<T>& inverse, uint32_t vectors, Amplitudes<T>* state,
               Amplitudes<T>* cotangent, Vector<T>* sums) {
  with_form(inverse.is_crossed, inverse.lane_distance != 0, [&](auto crossed, auto shuffles) {
    if (inverse.difference == 0)
      return turn_lanes_back<crossed.value>(inverse, vectors, state, cotangent, sums);
    turn_pairs_back<crossed.value, shuffles.value>(inverse, vectors, state, cotangent, sums);
  });
}

template <typename T>
void pull_back(const Rotation<T>& one, const Rotation<T>& two, uint32_t vectors,
               Amplitudes<T>* state, Amplitudes<T>* cotangent, Vector<T>* to_one,
               Vector<T>* to_two) {
  const bool shuffles = (one.lane_distance | two.lane_distance) != 0;
  with_form(one.is_crossed, shuffles, [&](auto crossed, auto shuffles) {
    turn_quads_back<crossed.value, shuffles.value>(one, two, vectors, state, cotangent, to_one,
                                                   to_two);
  });
}

}  // namespace qjax::QJAX_ISA
