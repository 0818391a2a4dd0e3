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
#pragma once

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
    const Factor& factor = program.factors[step.first + k];
    if (!axis_of(factor, program.numbers, step.num_masks, next)) return false;
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

// The cotangent of half the angle, in each lane.
template <typename T> Vector<T> half_sum(const Rotation<T>& rotation, const Vector<T>* sums) {
  return (sums[1] - sums[0]) * rotation.lane_signs;
}

}  // namespace qjax::QJAX_ISA
