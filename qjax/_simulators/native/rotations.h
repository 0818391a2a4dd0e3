// Steps that are a rotation exp(-i angle/2 P) about a product P of Pauli matrices: in the bits of a
// row, with t = angle/2 and the class r = parity(p & mask) ^ offset of row p,
//
//   real      new[p] = cos t old[p] - (-1)^r sin t old[p ^ difference]       RY, and products of
//                                                                            an odd number of Y
//   crossed   new[p] = cos t old[p] - i (-1)^r sin t old[p ^ difference]     RX, RXX, RYY, ...
//
// Rotations in a row about the same P add their angles. In reverse mode one sum belongs to all of
// them: the derivative by t is Re sum_p conj(cotangent[p]) b_r state[p ^ difference], where b_r is
// -(-1)^r or -i (-1)^r, and the same before and after the rotation, which commutes with P.
//
// A rotation that is divided by cos t takes one multiply-add where it would take two operations:
// new[p] / cos t = old[p] - (-1)^r tan t old[p ^ difference]. The scales of several are one number,
// which a later step takes in with its own: see `Scale`. What a rotation scales by is known to more
// digits than those of its numbers: cos t is 1 / sqrt(1 + x^2) for the x that tan t was rounded to.
#pragma once

#include <cmath>
#include <limits>

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
template <typename T>
bool axis_of(const Factor& factor, const T* numbers, int num_masks, Axis& axis) {
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

// Whether a norm differs from 1 by no more than what rounding the numbers of so many gates adds up
// to. Else it may be meant: matrices that users give are not quite unitary.
template <typename T> bool is_rounded(double norm, int gates) {
  return std::abs(norm - 1) < 4 * gates * std::numeric_limits<T>::epsilon();
}

// What a state is to be multiplied by to be right, and with it its cotangent: the cosines that
// rotations left out, and what rounding did to the norms of gates. Gates that a circuit repeats are
// rounded alike each time: exp(i pi/8), 100 times in single precision, takes 3e-6 off the norm.
// Tangents are as exact as sines and cosines: only the range of numbers bounds them.
class Scale {
 public:
  double value() const { return value_; }
  // Whether there is no cosine in it but those that are nearly 1.
  template <typename T> bool is_small() const { return is_rounded<T>(value_, 16); }
  // Whether a rotation may leave its cosine to those after it.
  bool may_take(double cosine) const {
    constexpr double kLeast = 1.0 / (1 << 4), kLeastOfAll = 1.0 / (1 << 20);
    return std::abs(cosine) >= kLeast && std::abs(value_ * cosine) >= kLeastOfAll;
  }
  // A step multiplies by this more than it is to.
  void divide(double by) { value_ /= by; }
  // What a step is to multiply by; what rounding it leaves over stays.
  template <typename T> T release() {
    const T whole = T(value_);
    value_ /= whole;
    return whole;
  }

 private:
  double value_ = 1;
};

template <typename T> struct Rotation {
  bool is_crossed;
  bool is_unscaled;  // cosine is 1 and sines are tangents: the scale is left to a later step
  int lane_distance;
  int offset, difference_class;
  uint32_t mask, difference;  // of vectors of the block
  uint32_t mask_of_state;     // of vectors of the state
  Vector<T> cosine;
  Vector<T> sines[2];  // of each class, with the sign of the lane
  Vector<T> lane_signs;
  Mask<T> lanes;
  uint64_t flips;  // of each factor: 1 for the other direction
  static_assert(kMaxFactors <= 64);

  Rotation() {}  // not even zeros: `place` and `set_sines` set all of it
  int direction(int factor) const { return flips >> factor & 1 ? -1 : 1; }

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
  rotation.flips = uint64_t(axis.flip);
  for (int k = 1; k < step.count; ++k) {
    const Factor& factor = program.factors[step.first + k];
    if (!axis_of(factor, program.numbers, step.num_masks, next)) return false;
    if (next.is_crossed != axis.is_crossed || next.classes != axis.classes) return false;
    rotation.flips |= uint64_t(next.flip) << k;
  }
  uint32_t mask = 0;
  for (int j = 0; j < step.num_masks; ++j)
    if (axis.classes >> j & 1) mask ^= uint32_t(step.masks[j]);
  const uint32_t low = (1u << layout.lane_bits) - 1;
  rotation.is_crossed = axis.is_crossed;
  rotation.is_unscaled = false;
  rotation.lane_distance = step.difference & low;
  rotation.lanes = lanes_at<T>(rotation.lane_distance);
  rotation.mask_of_state = mask >> layout.lane_bits;
  rotation.mask = span.mask_of(rotation.mask_of_state);
  rotation.difference = span.coordinates_of(uint32_t(step.difference) >> layout.lane_bits);
  rotation.difference_class = parity(rotation.mask & rotation.difference);
  rotation.offset = parity(step.offset & axis.classes);
  rotation.lane_signs = signs_of_lanes<T>(mask & low);
  return true;
}

// Of half the sum of all angles, with their directions.
template <typename T> void set_sines(Rotation<T>& rotation, Vector<T> cosine, Vector<T> sine) {
  rotation.cosine = cosine;
  rotation.sines[0] = sine * rotation.lane_signs;
  rotation.sines[1] = -rotation.sines[0];
}

// The same, of each lane its own.
template <typename T> void set_sines(Rotation<T>& rotation, const double (&halves)[kLanes<T>]) {
  Vector<T> cosine, sine;
  for (int lane = 0; lane < kLanes<T>; lane += kLanes<double>) {
    Vector<double> half, c{}, s{};
    std::memcpy(&half, halves + lane, sizeof half);
    cos_sin(half, c, s);
    for (int k = 0; k < kLanes<double>; ++k) {
      cosine[lane + k] = T(c[k]);
      sine[lane + k] = T(s[k]);
    }
  }
  set_sines(rotation, cosine, sine);
}

template <typename T> void absorb(Rotation<T>& rotation, T scale) {
  rotation.is_unscaled = false;
  rotation.cosine *= scale;
  for (auto& sines : rotation.sines) sines *= scale;
}

template <typename T> Rotation<T> moved(Rotation<T> rotation, uint32_t origin) {
  rotation.offset ^= parity(origin & rotation.mask_of_state);
  return rotation;
}

// The cotangent of half the angle, in each lane.
template <typename T> Vector<T> half_sum(const Rotation<T>& rotation, const Vector<T>* sum) {
  return *sum * rotation.lane_signs;
}

}  // namespace qjax::QJAX_ISA
