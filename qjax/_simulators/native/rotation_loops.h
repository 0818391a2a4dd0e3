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

// Four rows x, y = x ^ d, z = x ^ e, w = x ^ d ^ e, by the differences d and e of two rotations: the
// first mixes x, y and z, w, the second x, z and y, w.
struct Quad {
  uint32_t x, y, z, w;
  int first, first_beside;    // the classes of x and z for the first rotation
  int second, second_beside;  // of x and y for the second
};

// All of them: each x has zeros at the pivots of the differences.
template <typename T> class Quads {
 public:
  Quads(const Rotation<T>& one, const Rotation<T>& two)
      : d_(one.difference), e_(two.difference), first_beside_(parity(one.mask & e_)),
        second_beside_(parity(two.mask & d_)) {
    const uint32_t pivot = highest_bit(d_), rest = highest_bit(e_ & pivot ? e_ ^ d_ : e_);
    low_ = std::min(pivot, rest), high_ = std::max(pivot, rest);
  }
  QJAX_INLINE Quad at(uint32_t k, const Rotation<T>& one, const Rotation<T>& two) const {
    const uint32_t x = with_zero(with_zero(k, low_), high_);
    const int first = one.class_of(x), second = two.class_of(x);
    return {x,     x ^ d_, x ^ e_, x ^ d_ ^ e_, first, first ^ first_beside_,
            second, second ^ second_beside_};
  }

 private:
  uint32_t d_, e_, low_, high_;
  int first_beside_, second_beside_;
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
void turn_quads(Rotation<T> one, Rotation<T> two, uint32_t vectors, Amplitudes<T>* state) {
  const Quads<T> quads(one, two);
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const Quad at = quads.at(k, one, two);
    Amplitudes<T> x = state[at.x], y = state[at.y], z = state[at.z], w = state[at.w];
    turn<kCrossed, kShuffles>(one, at.first, x, y);
    turn<kCrossed, kShuffles>(one, at.first_beside, z, w);
    turn<kCrossed, kShuffles>(two, at.second, x, z);
    turn<kCrossed, kShuffles>(two, at.second_beside, y, w);
    state[at.x] = x, state[at.y] = y, state[at.z] = z, state[at.w] = w;
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
void turn_quads_back(Rotation<T> one, Rotation<T> two, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_first, Vector<T>* to_second) {
  Vector<T> to_one[2] = {to_first[0], to_first[1]}, to_two[2] = {to_second[0], to_second[1]};
  const Quads<T> quads(one, two);
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const Quad at = quads.at(k, one, two);
    Amplitudes<T> x = state[at.x], y = state[at.y], z = state[at.z], w = state[at.w];
    Amplitudes<T> gx = cotangent[at.x], gy = cotangent[at.y], gz = cotangent[at.z],
                  gw = cotangent[at.w];
    turn_back<kCrossed, kShuffles>(one, at.first, x, y, gx, gy, to_one);
    turn_back<kCrossed, kShuffles>(one, at.first_beside, z, w, gz, gw, to_one);
    turn_back<kCrossed, kShuffles>(two, at.second, x, z, gx, gz, to_two);
    turn_back<kCrossed, kShuffles>(two, at.second_beside, y, w, gy, gw, to_two);
    state[at.x] = x, state[at.y] = y, state[at.z] = z, state[at.w] = w;
    cotangent[at.x] = gx, cotangent[at.y] = gy, cotangent[at.z] = gz, cotangent[at.w] = gw;
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
