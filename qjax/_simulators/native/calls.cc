// The calls that XLA makes: buffers -> programs, tiles -> threads.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <type_traits>
#include <vector>

#include "kernels.h"
#include "threads.h"
#include "transpose.h"
#include "xla/ffi/api/ffi.h"

namespace qjax {
namespace {

namespace ffi = xla::ffi;

enum class Isa { kBaseline, kAvx2, kAvx512 };

// The widest instruction set of this machine.
Isa widest_isa() {
#if defined(QJAX_X86)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return Isa::kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
#endif
  return Isa::kBaseline;
}

// The one to use: tests choose narrower ones by the environment variable QJAX_NATIVE_ISA.
Isa isa_to_use() {
  const char* name = std::getenv("QJAX_NATIVE_ISA");
  if (name == nullptr) return widest_isa();
  const bool is_avx2 = std::strcmp(name, "avx2") == 0, is_avx512 = std::strcmp(name, "avx512") == 0;
  return std::min(widest_isa(), is_avx512 ? Isa::kAvx512 : is_avx2 ? Isa::kAvx2 : Isa::kBaseline);
}

template <typename T> const Kernels<T>& kernels_of([[maybe_unused]] Isa isa) {
  constexpr bool is_single = std::is_same_v<T, float>;
#if defined(QJAX_X86)
  if constexpr (is_single) {
    if (isa == Isa::kAvx512) return avx512::single_kernels;
    if (isa == Isa::kAvx2) return avx2::single_kernels;
  } else {
    if (isa == Isa::kAvx512) return avx512::double_kernels;
    if (isa == Isa::kAvx2) return avx2::double_kernels;
  }
#endif
  if constexpr (is_single) return baseline::single_kernels;
  else return baseline::double_kernels;
}

template <typename T> const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = kernels_of<T>(isa_to_use());
  return chosen;
}

// The words of the program: a header, then steps, factors, terms, controls, targets, columns.
struct Header {
  int32_t num_qubits, num_steps, num_factors, num_terms, num_controls, num_targets, shift;
};

template <typename T> Program<T> read(const int32_t* words, const T* numbers) {
  const auto* header = reinterpret_cast<const Header*>(words);
  const auto* steps = reinterpret_cast<const Step*>(header + 1);
  const auto* factors = reinterpret_cast<const Factor*>(steps + header->num_steps);
  const auto* terms = reinterpret_cast<const Term*>(factors + header->num_factors);
  const auto* controls = reinterpret_cast<const Control*>(terms + header->num_terms);
  const auto* targets = reinterpret_cast<const Target*>(controls + header->num_controls);
  const auto* columns = reinterpret_cast<const int32_t*>(targets + header->num_targets);
  return {header->num_qubits, steps,   header->num_steps, factors, terms,
          controls,           targets, numbers,           columns, header->shift};
}

template <ffi::DataType D> using Number = ffi::NativeType<D>;
template <ffi::DataType D> using Numbers = ffi::Buffer<D>;
template <ffi::DataType D> using Result = ffi::Result<ffi::Buffer<D>>;
using Words = ffi::Buffer<ffi::S32>;

template <ffi::DataType D>
Call<Number<D>> call_of(ffi::ThreadPool pool, Words& words, Numbers<D>& numbers, Numbers<D>& shared,
                        Numbers<D>& batched, Numbers<D>& start, bool by_samples) {
  using T = Number<D>;
  Call<T> call{};
  call.program = read<T>(words.typed_data(), numbers.typed_data());
  call.batch = batched.dimensions().back();
  call.lanes_are_samples = by_samples;
  call.fork = [pool](int64_t count, int64_t work, const std::function<void(int64_t)>& body) {
    each(count, work, pool, body);
  };
  call.shared = shared.typed_data();
  call.batched = batched.typed_data();
  call.start = start.element_count() ? start.typed_data() : nullptr;
  return call;
}

template <typename T>
Reading reading_of(const Program<T>& program, const Words& words, bool of_strings) {
  const int64_t count = words.element_count();
  return of_strings ? reading_of_strings(program, words.typed_data(), count / 2)
                    : reading_of_outcomes(program, words.typed_data(), count);
}

template <typename T> int64_t num_tiles(const Call<T>& call) {
  const int64_t samples = call.lanes_are_samples ? kernels<T>().lanes : 1;
  return (call.batch + samples - 1) / samples;
}

template <typename T> int64_t work_of(const Call<T>& call) {
  const int64_t samples = call.lanes_are_samples ? kernels<T>().lanes : 1;
  const int64_t looks = call.reading ? call.reading->num_looks() : 1;
  return (samples << call.program.num_qubits) * (call.program.num_steps + looks);
}

template <ffi::DataType D>
ffi::Error simulate(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                    Numbers<D> shared, Numbers<D> batched, Numbers<D> start,
                    Result<D> state) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    call.state = state->typed_data();
    each(num_tiles(call), work_of(call), pool,
         [&](int64_t k) { kernels<Number<D>>().forward(call, k); });
  });
}

// Run the tiles backwards, in parts that have sums of their own of what all samples share. Parts,
// and the order in which they are added, are fixed: the same digits in every run.
template <typename T, typename Backward>
void run_back(const Call<T>& call, ffi::ThreadPool pool, int64_t angles, T* to_shared,
              Backward backward) {
  constexpr int64_t kMaxParts = 64;
  const int64_t tiles = num_tiles(call), parts = std::min(tiles, kMaxParts);
  std::vector<double> sums(parts * angles, 0.0);
  each(parts, 3 * work_of(call) * tiles / std::max<int64_t>(parts, 1), pool, [&](int64_t part) {
    for (int64_t k = tiles * part / parts; k < tiles * (part + 1) / parts; ++k)
      backward(call, k, sums.data() + part * angles);
  });
  for (int64_t angle = 0; angle < angles; ++angle) {
    double total = 0;
    for (int64_t part = 0; part < parts; ++part) total += sums[part * angles + angle];
    to_shared[angle] = T(total);
  }
}

// Where the cotangents come from, and go to; those of angles that differ per sample are added to.
template <ffi::DataType D>
void set_cotangents(Call<Number<D>>& call, Numbers<D>& cotangent, Result<D>& to_batched,
                    Result<D>& to_start) {
  call.cotangent = cotangent.typed_data();
  call.batched_cotangents = to_batched->typed_data();
  call.to_start = to_start->element_count() ? to_start->typed_data() : nullptr;
  std::fill_n(call.batched_cotangents, to_batched->element_count(), Number<D>(0));
}

template <ffi::DataType D>
ffi::Error pull_back(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                     Numbers<D> shared, Numbers<D> batched, Numbers<D> start, Numbers<D> state,
                     Numbers<D> cotangent, Result<D> to_shared, Result<D> to_batched,
                     Result<D> to_start, Result<D> before) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    call.state = state.typed_data();
    call.before = before->element_count() ? before->typed_data() : nullptr;
    set_cotangents<D>(call, cotangent, to_batched, to_start);
    run_back(call, pool, shared.element_count(), to_shared->typed_data(),
             kernels<Number<D>>().backward);
  });
}

template <typename T>
void run_values(Call<T> call, ffi::ThreadPool pool, Words& words, bool of_strings, T* values) {
  const Reading reading = reading_of(call.program, words, of_strings);
  call.reading = &reading;
  call.values = values;
  each(num_tiles(call), work_of(call), pool,
       [&](int64_t k) { kernels<T>().forward_values(call, k); });
}

template <ffi::DataType D>
ffi::Error values(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                  Numbers<D> shared, Numbers<D> batched, Numbers<D> start, bool of_strings,
                  Words reading, Result<D> values) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    run_values(call, pool, reading, of_strings, values->typed_data());
  });
}

template <ffi::DataType D>
ffi::Error values_and_tiles(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                            Numbers<D> shared, Numbers<D> batched, Numbers<D> start,
                            bool of_strings, Words reading, Result<D> values, Result<D> tiles) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    call.tiles = tiles->typed_data();
    run_values(call, pool, reading, of_strings, values->typed_data());
  });
}

template <ffi::DataType D>
ffi::Error pull_back_values(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                            Numbers<D> shared, Numbers<D> batched, Numbers<D> start,
                            bool of_strings, Words read, Numbers<D> tiles, Numbers<D> cotangent,
                            Result<D> to_shared, Result<D> to_batched, Result<D> to_start) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    const Reading reading = reading_of(call.program, read, of_strings);
    call.reading = &reading;
    call.tiles = tiles.typed_data();
    set_cotangents<D>(call, cotangent, to_batched, to_start);
    run_back(call, pool, shared.element_count(), to_shared->typed_data(),
             kernels<Number<D>>().backward_values);
  });
}

// ---------------------------------------------------------------- tiles in place
//
// The states of all tiles, as the kernels have them, come in and go out: the caller lets both be the
// same memory. What stands elsewhere is copied.

template <ffi::DataType D> Number<D>* in_place(Numbers<D>& given, Result<D>& result) {
  if (given.typed_data() != result->typed_data())
    std::copy_n(given.typed_data(), given.element_count(), result->typed_data());
  return result->typed_data();
}

template <ffi::DataType D>
ffi::Error run_tiles(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                     Numbers<D> shared, Numbers<D> batched, Numbers<D> start, Numbers<D> tiles,
                     Result<D> after) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    call.tiles = in_place<D>(tiles, after);
    each(num_tiles(call), work_of(call), pool,
         [&](int64_t k) { kernels<Number<D>>().run_tiles(call, k); });
  });
}

template <ffi::DataType D>
ffi::Error undo_tiles(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                      Numbers<D> shared, Numbers<D> batched, Numbers<D> start, Numbers<D> tiles,
                      Numbers<D> cotangents, Result<D> to_shared, Result<D> to_batched,
                      Result<D> before, Result<D> to_before) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    call.tiles = in_place<D>(tiles, before);
    call.to_tiles = in_place<D>(cotangents, to_before);
    call.batched_cotangents = to_batched->typed_data();
    std::fill_n(call.batched_cotangents, to_batched->element_count(), Number<D>(0));
    run_back(call, pool, shared.element_count(), to_shared->typed_data(),
             kernels<Number<D>>().undo_tiles);
  });
}

template <ffi::DataType D>
ffi::Error read_tiles(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                      Numbers<D> shared, Numbers<D> batched, Numbers<D> start, bool of_strings,
                      Words read, Numbers<D> tiles, Result<D> values) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    const Reading reading = reading_of(call.program, read, of_strings);
    call.reading = &reading;
    call.tiles = tiles.typed_data();
    call.values = values->typed_data();
    each(num_tiles(call), work_of(call), pool,
         [&](int64_t k) { kernels<Number<D>>().read_tiles(call, k); });
  });
}

template <ffi::DataType D>
ffi::Error read_tiles_back(ffi::ThreadPool pool, bool by_samples, Words words, Numbers<D> numbers,
                           Numbers<D> shared, Numbers<D> batched, Numbers<D> start,
                           bool of_strings, Words read, Numbers<D> tiles, Numbers<D> cotangent,
                           Result<D> to_tiles) {
  return guarded([&] {
    auto call = call_of<D>(pool, words, numbers, shared, batched, start, by_samples);
    const Reading reading = reading_of(call.program, read, of_strings);
    call.reading = &reading;
    call.tiles = tiles.typed_data();
    call.cotangent = cotangent.typed_data();
    call.to_tiles = to_tiles->typed_data();
    each(num_tiles(call), work_of(call), pool,
         [&](int64_t k) { kernels<Number<D>>().read_tiles_back(call, k); });
  });
}

// The words of a program of superoperators: a header, then blocks, then groups.
template <ffi::DataType D>
SuperCall<Number<D>> super_call_of(ffi::ThreadPool pool, Words& words, Numbers<D>& shared,
                                   Numbers<D>& per_sample, int64_t batch) {
  SuperCall<Number<D>> call{};
  const auto* header = reinterpret_cast<const SuperHeader*>(words.typed_data());
  call.header = *header;
  call.blocks = reinterpret_cast<const SuperBlock*>(header + 1);
  call.groups = reinterpret_cast<const SuperGroup*>(call.blocks + header->num_blocks);
  call.batch = batch;
  call.shared = shared.typed_data();
  call.per_sample = per_sample.typed_data();
  call.fork = [pool](int64_t count, int64_t work, const std::function<void(int64_t)>& body) {
    each(count, work, pool, body);
  };
  return call;
}

template <ffi::DataType D>
ffi::Error superoperators(ffi::ThreadPool pool, int64_t every, Words words, Numbers<D> shared,
                          Numbers<D> per_sample, Numbers<D> start, Result<D> state,
                          Result<D> kept) {
  return guarded([&] {
    const auto call = super_call_of<D>(pool, words, shared, per_sample, start.dimensions()[1]);
    Number<D>* to_keep = kept->element_count() ? kept->typed_data() : nullptr;
    kernels<Number<D>>().superoperate(call, start.typed_data(), every, to_keep,
                                      state->typed_data());
  });
}

template <ffi::DataType D>
ffi::Error pull_back_superoperators(ffi::ThreadPool pool, int64_t every, Words words,
                                    Numbers<D> shared, Numbers<D> per_sample, Numbers<D> start,
                                    Numbers<D> kept, Numbers<D> cotangent, Result<D> to_shared,
                                    Result<D> to_per_sample, Result<D> to_start) {
  return guarded([&] {
    const auto call = super_call_of<D>(pool, words, shared, per_sample, start.dimensions()[1]);
    std::copy_n(cotangent.typed_data(), cotangent.element_count(), to_start->typed_data());
    std::fill_n(to_shared->typed_data(), to_shared->element_count(), Number<D>(0));
    std::fill_n(to_per_sample->typed_data(), to_per_sample->element_count(), Number<D>(0));
    kernels<Number<D>>().superoperate_back(call, start.typed_data(), every, kept.typed_data(),
                                           to_start->typed_data(), to_shared->typed_data(),
                                           to_per_sample->typed_data());
  });
}

template <ffi::DataType D>
ffi::Error transposed(Numbers<D> matrix, Result<D> result) {
  const auto sizes = matrix.dimensions();
  transpose(matrix.typed_data(), result->typed_data(), sizes[0], sizes[1]);
  return ffi::Error::Success();
}

template <ffi::DataType D>
ffi::Error draw(ffi::ThreadPool pool, int64_t shots, Numbers<D> probabilities,
                ffi::Buffer<ffi::U32> words, Result<D> counts) {
  return guarded([&] {
    const auto sizes = probabilities.dimensions();
    const int64_t outcomes = sizes[sizes.size() - 2], batch = sizes.back();
    if (outcomes == 0 || batch == 0) return;
    const int64_t rows = probabilities.element_count() / (outcomes * batch);
    const Draws<Number<D>> draws{outcomes, batch, uint64_t(shots), probabilities.typed_data(),
                                 words.typed_data(), counts->typed_data()};
    each(rows * draws.tiles_of_row(), draws.samples_of_tile() * (64 * draws.leaves() + shots), pool,
         [&](int64_t k) { kernels<Number<D>>().draw_counts(draws, k); });
  });
}

// The words of blocks of noisy runs: a header, then blocks, then which jumps they have.
template <ffi::DataType D>
TrajectoryCall<Number<D>> trajectory_call_of(Words& words, Numbers<D>& start, int64_t runs) {
  TrajectoryCall<Number<D>> call{};
  const auto* header = reinterpret_cast<const TrajectoryHeader*>(words.typed_data());
  call.header = *header;
  call.blocks = reinterpret_cast<const TrajectoryBlock*>(header + 1);
  call.jumping = reinterpret_cast<const int32_t*>(call.blocks + header->num_blocks);
  call.start = start.element_count() ? start.typed_data() : nullptr;
  call.runs = runs;
  return call;
}

template <typename T, typename Run>
void each_tile(const TrajectoryCall<T>& call, ffi::ThreadPool pool, Run run) {
  const int64_t lanes = kernels<T>().lanes, tiles = (call.runs + lanes - 1) / lanes;
  each(tiles, lanes * call.num_rows() * call.header.num_blocks, pool,
       [&](int64_t k) { run(call, k); });
}

template <ffi::DataType D>
ffi::Error follow(ffi::ThreadPool pool, Words words, Numbers<D> parts, Numbers<D> operators,
                  Numbers<D> effects, Numbers<D> numbers, Numbers<D> start, Result<D> state,
                  ffi::Result<ffi::Buffer<ffi::S32>> drawn, Result<D> probabilities) {
  return guarded([&] {
    auto call = trajectory_call_of<D>(words, start, state->dimensions().back());
    call.columns = parts.dimensions().back();
    call.parts = parts.typed_data();
    call.operators = operators.typed_data();
    call.effects = effects.typed_data();
    call.numbers = numbers.typed_data();
    call.state = state->typed_data();
    call.drawn = drawn->typed_data();
    call.probabilities = probabilities->typed_data();
    each_tile(call, pool, kernels<Number<D>>().follow);
  });
}

template <ffi::DataType D>
ffi::Error pull_back_trajectories(ffi::ThreadPool pool, Words words, Numbers<D> matrices,
                                  Numbers<D> start, Numbers<D> cotangent, Result<D> to_matrices,
                                  Result<D> to_start) {
  return guarded([&] {
    auto call = trajectory_call_of<D>(words, start, cotangent.dimensions().back());
    call.matrices = matrices.typed_data();
    call.cotangent = cotangent.typed_data();
    call.to_matrices = to_matrices->typed_data();
    call.to_start = to_start->element_count() ? to_start->typed_data() : nullptr;
    each_tile(call, pool, kernels<Number<D>>().pull_back_trajectories);
  });
}

template <ffi::DataType D> auto bind_draw() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .template Attr<int64_t>("shots")
      .template Arg<Numbers<D>>()
      .template Arg<ffi::Buffer<ffi::U32>>()
      .template Ret<Numbers<D>>();
}

template <ffi::DataType D> auto bind_trajectories() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<Words>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>();
}

// What all calls take: the program, its angles, and the states to start from, or none.
template <ffi::DataType D> auto bind() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Attr<bool>("by_samples")
      .Arg<Words>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>();
}

template <ffi::DataType D> auto bind_transpose() {
  return ffi::Ffi::Bind().Arg<Numbers<D>>().template Ret<Numbers<D>>();
}

template <ffi::DataType D> auto bind_superoperators() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Attr<int64_t>("every")
      .Arg<Words>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>()
      .template Arg<Numbers<D>>();
}

}  // namespace
}  // namespace qjax

#pragma GCC visibility push(default)

extern "C" int QjaxFormat() { return qjax::kFormat; }

// A function for both precisions, by what `binding` makes of its own arguments and results.
#define QJAX_CALL(name, function, bind, binding)                                       \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name##F32, qjax::function<xla::ffi::F32>,              \
                                qjax::bind<xla::ffi::F32>() binding(xla::ffi::F32));   \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(name##F64, qjax::function<xla::ffi::F64>,              \
                                qjax::bind<xla::ffi::F64>() binding(xla::ffi::F64))
#define QJAX_NUMBERS(D) .Arg<qjax::Numbers<D>>()
#define QJAX_READING .Attr<bool>("of_strings").Arg<qjax::Words>()
#define QJAX_RESULT(D) .Ret<xla::ffi::Buffer<D>>()
#define QJAX_RESULTS(D) QJAX_RESULT(D) QJAX_RESULT(D)
#define QJAX_BACK(D) QJAX_NUMBERS(D) QJAX_NUMBERS(D) QJAX_RESULTS(D) QJAX_RESULT(D)
#define QJAX_NO_MORE(D)

QJAX_CALL(QjaxState, simulate, bind, QJAX_RESULT);
#define QJAX_UNDO(D) QJAX_BACK(D) QJAX_RESULT(D)
QJAX_CALL(QjaxPullBackState, pull_back, bind, QJAX_UNDO);
#define QJAX_VALUES(D) QJAX_READING QJAX_RESULT(D)
QJAX_CALL(QjaxValues, values, bind, QJAX_VALUES);
#define QJAX_TILES(D) QJAX_READING QJAX_RESULTS(D)
QJAX_CALL(QjaxValuesAndTiles, values_and_tiles, bind, QJAX_TILES);
#define QJAX_BACK_VALUES(D) QJAX_READING QJAX_BACK(D)
QJAX_CALL(QjaxPullBackValues, pull_back_values, bind, QJAX_BACK_VALUES);
#define QJAX_RUN_TILES(D) QJAX_NUMBERS(D) QJAX_RESULT(D)
QJAX_CALL(QjaxRunTiles, run_tiles, bind, QJAX_RUN_TILES);
#define QJAX_UNDO_TILES(D) QJAX_NUMBERS(D) QJAX_NUMBERS(D) QJAX_RESULTS(D) QJAX_RESULTS(D)
QJAX_CALL(QjaxUndoTiles, undo_tiles, bind, QJAX_UNDO_TILES);
#define QJAX_READ_TILES(D) QJAX_READING QJAX_NUMBERS(D) QJAX_RESULT(D)
QJAX_CALL(QjaxReadTiles, read_tiles, bind, QJAX_READ_TILES);
#define QJAX_READ_TILES_BACK(D) QJAX_READING QJAX_NUMBERS(D) QJAX_NUMBERS(D) QJAX_RESULT(D)
QJAX_CALL(QjaxReadTilesBack, read_tiles_back, bind, QJAX_READ_TILES_BACK);
QJAX_CALL(QjaxTranspose, transposed, bind_transpose, QJAX_NO_MORE);
QJAX_CALL(QjaxSuperoperators, superoperators, bind_superoperators, QJAX_RESULTS);
QJAX_CALL(QjaxPullBackSuperoperators, pull_back_superoperators, bind_superoperators, QJAX_BACK);
#define QJAX_FOLLOW(D) \
  QJAX_NUMBERS(D) QJAX_NUMBERS(D) QJAX_RESULT(D).Ret<xla::ffi::Buffer<xla::ffi::S32>>() QJAX_RESULT(D)
QJAX_CALL(QjaxTrajectories, follow, bind_trajectories, QJAX_FOLLOW);
QJAX_CALL(QjaxPullBackTrajectories, pull_back_trajectories, bind_trajectories, QJAX_RESULTS);
QJAX_CALL(QjaxDraw, draw, bind_draw, QJAX_NO_MORE);

#pragma GCC visibility pop
