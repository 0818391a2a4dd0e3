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

// c x - s y, or c x - i s y; where rotations are unscaled, c is 1.
template <bool kCrossed, bool kUnscaled, typename T>
inline Amplitudes<T> turned(Vector<T> c, Vector<T> s, const Amplitudes<T>& x,
                            const Amplitudes<T>& y) {
  const Vector<T> re = kUnscaled ? x.re : c * x.re, im = kUnscaled ? x.im : c * x.im;
  if constexpr (kCrossed) return {re + s * y.im, im - s * y.re};
  return {re - s * y.re, im - s * y.im};
}

// Re conj(g) y, or Re conj(g) i y
template <bool kCrossed, typename T>
inline Vector<T> product(const Amplitudes<T>& g, const Amplitudes<T>& y) {
  if constexpr (kCrossed) return g.im * y.re - g.re * y.im;
  return g.re * y.re + g.im * y.im;
}

// Of class r of rows, in derivatives by the angle.
template <typename T> inline T sign_of(int r) { return r ? T(1) : T(-1); }

// sum += the products of both, with the signs of their classes.
template <bool kCrossed, bool kShuffles, typename T>
inline void add_products(const Rotation<T>& by, int r, const Amplitudes<T>& gx,
                         const Amplitudes<T>& py, const Amplitudes<T>& gy,
                         const Amplitudes<T>& px, Vector<T>& sum) {
  const Vector<T> of_x = product<kCrossed>(gx, py), of_y = product<kCrossed>(gy, px);
  if constexpr (kShuffles)
    sum += sign_of<T>(r) * of_x + sign_of<T>(r ^ by.difference_class) * of_y;
  else  // x and y differ in their class where the rotation is real, and only there
    sum += sign_of<T>(r) * (kCrossed ? of_x + of_y : of_x - of_y);
}

template <bool kCrossed, bool kShuffles, typename T>
inline Vector<T> sine_beside(const Rotation<T>& by, int r, Vector<T> sine) {
  if constexpr (kShuffles) return by.sines[r ^ by.difference_class];
  return kCrossed ? sine : -sine;
}

template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
QJAX_INLINE void turn(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y) {
  const Vector<T> c = by.cosine, sx = by.sines[r];
  const Vector<T> sy = sine_beside<kCrossed, kShuffles>(by, r, sx);
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes);
  const Amplitudes<T> py = partner_of<kShuffles>(y, by.lanes);
  x = turned<kCrossed, kUnscaled>(c, sx, x, py);
  y = turned<kCrossed, kUnscaled>(c, sy, y, px);
}

// Undo the rotation of a pair and of its cotangents; `by` is the inverse.
template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
QJAX_INLINE void turn_back(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y,
                           Amplitudes<T>& gx, Amplitudes<T>& gy, Vector<T>& sum) {
  const Vector<T> c = by.cosine, sx = by.sines[r];
  const Vector<T> sy = sine_beside<kCrossed, kShuffles>(by, r, sx);
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes);
  const Amplitudes<T> py = partner_of<kShuffles>(y, by.lanes);
  add_products<kCrossed, kShuffles>(by, r, gx, py, gy, px, sum);
  x = turned<kCrossed, kUnscaled>(c, sx, x, py);
  y = turned<kCrossed, kUnscaled>(c, sy, y, px);
  const Amplitudes<T> qx = partner_of<kShuffles>(gx, by.lanes);
  const Amplitudes<T> qy = partner_of<kShuffles>(gy, by.lanes);
  gx = turned<kCrossed, kUnscaled>(c, sx, gx, qy);
  gy = turned<kCrossed, kUnscaled>(c, sy, gy, qx);
}

// Four rows x, y = x ^ d, z = x ^ e, w = x ^ d ^ e, by the differences d and e of two rotations:
// the first mixes x, y and z, w, the second x, z and y, w.
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

template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
void turn_pairs(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state) {
  const uint32_t d = by.difference, pivot = highest_bit(d);
  for (uint32_t k = 0; k < vectors / 2; ++k) {
    const uint32_t v = with_zero(k, pivot);
    Amplitudes<T> x = loaded(state[v]), y = loaded(state[v ^ d]);
    turn<kCrossed, kShuffles, kUnscaled>(by, by.class_of(v), x, y);
    state[v] = x;
    state[v ^ d] = y;
  }
}

template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
void turn_quads(Rotation<T> one, Rotation<T> two, uint32_t vectors, Amplitudes<T>* state) {
  const Quads<T> quads(one, two);
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const Quad at = quads.at(k, one, two);
    Amplitudes<T> x = loaded(state[at.x]), y = loaded(state[at.y]);
    Amplitudes<T> z = loaded(state[at.z]), w = loaded(state[at.w]);
    turn<kCrossed, kShuffles, kUnscaled>(one, at.first, x, y);
    turn<kCrossed, kShuffles, kUnscaled>(one, at.first_beside, z, w);
    turn<kCrossed, kShuffles, kUnscaled>(two, at.second, x, z);
    turn<kCrossed, kShuffles, kUnscaled>(two, at.second_beside, y, w);
    state[at.x] = x, state[at.y] = y, state[at.z] = z, state[at.w] = w;
  }
}

// Rows that are paired with another lane of the same vector.
template <bool kCrossed, bool kUnscaled, typename T>
void turn_lanes(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state) {
  for (uint32_t v = 0; v < vectors; ++v)
    state[v] = turned<kCrossed, kUnscaled>(by.cosine, by.sines[by.class_of(v)], state[v],
                                partner_of<true>(state[v], by.lanes));
}

template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
void turn_pairs_back(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_angle) {
  Vector<T> sum = *to_angle;
  const uint32_t d = by.difference, pivot = highest_bit(d);
  for (uint32_t k = 0; k < vectors / 2; ++k) {
    const uint32_t v = with_zero(k, pivot);
    Amplitudes<T> x = loaded(state[v]), y = loaded(state[v ^ d]);
    Amplitudes<T> gx = loaded(cotangent[v]), gy = loaded(cotangent[v ^ d]);
    turn_back<kCrossed, kShuffles, kUnscaled>(by, by.class_of(v), x, y, gx, gy, sum);
    state[v] = x, state[v ^ d] = y;
    cotangent[v] = gx, cotangent[v ^ d] = gy;
  }
  *to_angle = sum;
}

template <bool kCrossed, bool kShuffles, bool kUnscaled, typename T>
void turn_quads_back(Rotation<T> one, Rotation<T> two, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_first, Vector<T>* to_second) {
  Vector<T> to_one = *to_first, to_two = *to_second;
  const Quads<T> quads(one, two);
  for (uint32_t k = 0; k < vectors / 4; ++k) {
    const Quad at = quads.at(k, one, two);
    Amplitudes<T> x = loaded(state[at.x]), y = loaded(state[at.y]);
    Amplitudes<T> z = loaded(state[at.z]), w = loaded(state[at.w]);
    Amplitudes<T> gx = loaded(cotangent[at.x]), gy = loaded(cotangent[at.y]);
    Amplitudes<T> gz = loaded(cotangent[at.z]), gw = loaded(cotangent[at.w]);
    turn_back<kCrossed, kShuffles, kUnscaled>(one, at.first, x, y, gx, gy, to_one);
    turn_back<kCrossed, kShuffles, kUnscaled>(one, at.first_beside, z, w, gz, gw, to_one);
    turn_back<kCrossed, kShuffles, kUnscaled>(two, at.second, x, z, gx, gz, to_two);
    turn_back<kCrossed, kShuffles, kUnscaled>(two, at.second_beside, y, w, gy, gw, to_two);
    state[at.x] = x, state[at.y] = y, state[at.z] = z, state[at.w] = w;
    cotangent[at.x] = gx, cotangent[at.y] = gy, cotangent[at.z] = gz, cotangent[at.w] = gw;
  }
  *to_first = to_one;
  *to_second = to_two;
}

template <bool kCrossed, bool kUnscaled, typename T>
void turn_lanes_back(Rotation<T> by, uint32_t vectors, Amplitudes<T>* state,
                     Amplitudes<T>* cotangent, Vector<T>* to_angle) {
  Vector<T> sum = *to_angle;
  for (uint32_t v = 0; v < vectors; ++v) {
    const int r = by.class_of(v);
    const Amplitudes<T> x = loaded(state[v]), g = loaded(cotangent[v]);
    const Amplitudes<T> px = partner_of<true>(x, by.lanes), pg = partner_of<true>(g, by.lanes);
    sum += sign_of<T>(r) * product<kCrossed>(g, px);
    state[v] = turned<kCrossed, kUnscaled>(by.cosine, by.sines[r], x, px);
    cotangent[v] = turned<kCrossed, kUnscaled>(by.cosine, by.sines[r], g, pg);
  }
  *to_angle = sum;
}

// ---------------------------------------------------------------- which loop

template <typename T> bool go_together(const Rotation<T>& one, const Rotation<T>& two) {
  return one.is_crossed == two.is_crossed && one.difference != 0 && two.difference != 0 &&
         one.difference != two.difference;
}

// body(crossed, shuffles, unscaled): as types, so that each combination is a loop of its own.
template <typename Body>
void with_form(bool is_crossed, bool shuffles, bool is_unscaled, Body body) {
  using No = std::false_type;
  using Yes = std::true_type;
  const auto with_scale = [&](auto crossed, auto shuffles) {
    is_unscaled ? body(crossed, shuffles, Yes{}) : body(crossed, shuffles, No{});
  };
  if (is_crossed)
    shuffles ? with_scale(Yes{}, Yes{}) : with_scale(Yes{}, No{});
  else
    shuffles ? with_scale(No{}, Yes{}) : with_scale(No{}, No{});
}

template <typename T, typename Body> void with_form(const Rotation<T>& by, Body body) {
  with_form(by.is_crossed, by.lane_distance != 0, by.is_unscaled, body);
}

template <typename T, typename Body>
void with_form(const Rotation<T>& one, const Rotation<T>& two, Body body) {
  const bool shuffles = (one.lane_distance | two.lane_distance) != 0;
  with_form(one.is_crossed, shuffles, one.is_unscaled && two.is_unscaled, body);
}

template <typename T>
void apply(const Rotation<T>& by, uint32_t vectors, Amplitudes<T>* state) {
  with_form(by, [&](auto crossed, auto shuffles, auto unscaled) {
    constexpr bool is_crossed = crossed.value, is_unscaled = unscaled.value;
    if (by.difference == 0) return turn_lanes<is_crossed, is_unscaled>(by, vectors, state);
    turn_pairs<is_crossed, shuffles.value, is_unscaled>(by, vectors, state);
  });
}

template <typename T>
void apply(const Rotation<T>& one, const Rotation<T>& two, uint32_t vectors, Amplitudes<T>* state) {
  with_form(one, two, [&](auto crossed, auto shuffles, auto unscaled) {
    turn_quads<crossed.value, shuffles.value, unscaled.value>(one, two, vectors, state);
  });
}

template <typename T>
void pull_back(const Rotation<T>& inverse, uint32_t vectors, Amplitudes<T>* state,
               Amplitudes<T>* cotangent, Vector<T>* to_angle) {
  with_form(inverse, [&](auto crossed, auto shuffles, auto unscaled) {
    constexpr bool is_crossed = crossed.value, is_unscaled = unscaled.value;
    if (inverse.difference == 0)
      return turn_lanes_back<is_crossed, is_unscaled>(inverse, vectors, state, cotangent, to_angle);
    turn_pairs_back<is_crossed, shuffles.value, is_unscaled>(inverse, vectors, state, cotangent,
                                                             to_angle);
  });
}

template <typename T>
void pull_back(const Rotation<T>& one, const Rotation<T>& two, uint32_t vectors,
               Amplitudes<T>* state, Amplitudes<T>* cotangent, Vector<T>* to_one,
               Vector<T>* to_two) {
  with_form(one, two, [&](auto crossed, auto shuffles, auto unscaled) {
    turn_quads_back<crossed.value, shuffles.value, unscaled.value>(one, two, vectors, state,
                                                                   cotangent, to_one, to_two);
  });
}

}  // namespace qjax::QJAX_ISA
