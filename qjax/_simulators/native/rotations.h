// Steps that are a rotation exp(-i angle/2 P) about a product P of Pauli matrices: in the bits of a
// row, with t = angle/2 and the class r = parity(p & mask) ^ offset of row p,
//
//   real      new[p] = cos t old[p] - (-1)^r sin t old[p ^ difference]       RY, and products of
//                                                                            an odd number of Y
//   crossed   new[p] = cos t old[p] - i (-1)^r sin t old[p ^ difference]     RX, RXX, RYY, ...
//
// Rotations in a row about the same P add their angles. In reverse mode one sum belongs to all of
// them: d/dt = Re sum_p conj(cotangent[p]) (-+ (-1)^r ...)[p ^ difference], the same before and
// after the rotation. Two rotations with different differences mix four rows in registers.
#pragma once

#include <type_traits>

#include "blocks.h"
#include "entries.h"
#include "lanes.h"
#include "layout.h"

namespace qjax::QJAX_ISA {

// What a factor rotates about: the part of the class that gives the sign.
struct Axis {
  bool is_crossed;
  int classes;  // the sign of class r is (-1)^parity(r & classes)
  int flip;     // 1: the other direction
};

// Whether a factor is such a rotation: its numbers are all real or all imaginary, and signs.
template <typename T> bool axis_of(const Factor& factor, const T* numbers, int num_masks, Axis& axis) {
  if (factor.kind != FactorKind::kPauli) return false;
  const T* others = numbers + factor.numbers;
  axis.is_crossed = others[0] == 0;
  const T* signs = others + axis.is_crossed;
  axis.flip = signs[0] == 1;
  axis.classes = 0;
  for (int j = 0; j < num_masks; ++j)
    if (signs[2 << j] != signs[0]) axis.classes |= 1 << j;
  for (int r = 0; r < 1 << num_masks; ++r) {
    const T expected = parity(r & axis.classes) ^ axis.flip ? T(1) : T(-1);
    if (signs[2 * r] != expected || others[2 * r + !axis.is_crossed] != 0) return false;
  }
  return true;
}

template <typename T> struct Rotation {
  bool is_crossed;
  int lane_distance;
  int offset, difference_class;
  uint32_t mask, difference;  // of vectors of the block
  uint32_t mask_of_state;     // of vectors of the state
  Vector<T> cosine;
  Vector<T> sines[2];  // of each class, with the sign of the lane
  Vector<T> lane_signs;
  Mask<T> lanes;

  int class_of(uint32_t vector) const { return offset ^ parity(vector & mask); }
};

// The rotation that a step is, in the frame of a block; false if it is none. The angle is set by
// `set_sines`.
template <typename T>
bool place(Rotation<T>& rotation, const Step& step, const Program<T>& program, const Layout& layout,
           const Span& span) {
  Axis axis, next;
  if (step.num_controls != 0) return false;
  if (!axis_of(program.factors[step.first], program.numbers, step.num_masks, axis)) return false;
  for (int k = 1; k < step.count; ++k) {
    if (!axis_of(program.factors[step.first + k], program.numbers, step.num_masks, next)) return false;
    if (next.is_crossed != axis.is_crossed || next.classes != axis.classes) return false;
  }
  uint32_t mask = 0;
  for (int j = 0; j < step.num_masks; ++j)
    if (axis.classes >> j & 1) mask ^= uint32_t(step.masks[j]);
  const uint32_t low = (1u << layout.lane_bits) - 1;
  rotation.is_crossed = axis.is_crossed;
  rotation.lane_distance = step.difference & low;
  rotation.lanes = lanes_at<T>(rotation.lane_distance);
  rotation.mask_of_state = mask >> layout.lane_bits;
  rotation.mask = span.mask_of(rotation.mask_of_state);
  rotation.difference = span.coordinates_of(uint32_t(step.difference) >> layout.lane_bits);
  rotation.difference_class = parity(rotation.mask & rotation.difference);
  rotation.offset = parity(step.offset & axis.classes);
  for (int lane = 0; lane < kLanes<T>; ++lane)
    rotation.lane_signs[lane] = parity(lane & mask & low) ? T(-1) : T(1);
  return true;
}

// Of half the sum of all angles, with their directions.
template <typename T> void set_sines(Rotation<T>& rotation, Vector<T> cosine, Vector<T> sine) {
  rotation.cosine = cosine;
  rotation.sines[0] = sine * rotation.lane_signs;
  rotation.sines[1] = -rotation.sines[0];
}

template <typename T> Rotation<T> moved(Rotation<T> rotation, uint32_t origin) {
  rotation.offset ^= parity(origin & rotation.mask_of_state);
  return rotation;
}

// ---------------------------------------------------------------- loops
//
// Rotations are passed by value: what a loop writes cannot be them, so that they stay in registers.

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
__attribute__((always_inline)) inline void turn(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y) {
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes), py = partner_of<kShuffles>(y, by.lanes);
  x = turned<kCrossed>(by.cosine, by.sines[r], x, py);
  y = turned<kCrossed>(by.cosine, by.sines[r ^ by.difference_class], y, px);
}

// Undo the rotation of a pair and of its cotangents; `by` is the inverse.
template <bool kCrossed, bool kShuffles, typename T>
__attribute__((always_inline)) inline void turn_back(const Rotation<T>& by, int r, Amplitudes<T>& x, Amplitudes<T>& y,
                      Amplitudes<T>& gx, Amplitudes<T>& gy, Vector<T>* sums) {
  const Vector<T> c = by.cosine, sx = by.sines[r], sy = by.sines[r ^ by.difference_class];
  const Amplitudes<T> px = partner_of<kShuffles>(x, by.lanes), py = partner_of<kShuffles>(y, by.lanes);
  add_product<kCrossed>(sums[r], gx, py);
  add_product<kCrossed>(sums[r ^ by.difference_class], gy, px);
  x = turned<kCrossed>(c, sx, x, py);
  y = turned<kCrossed>(c, sy, y, px);
  const Amplitudes<T> qx = partner_of<kShuffles>(gx, by.lanes), qy = partner_of<kShuffles>(gy, by.lanes);
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

// The cotangent of half the angle, in each lane.
template <typename T> Vector<T> half_sum(const Rotation<T>& rotation, const Vector<T>* sums) {
  return (sums[1] - sums[0]) * rotation.lane_signs;
}

}  // namespace qjax::QJAX_ISA
