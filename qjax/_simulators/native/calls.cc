// The calls that XLA makes: buffers -> programs, tiles -> threads.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "kernels.h"
#include "xla/ffi/api/ffi.h"

namespace qjax {
namespace {

namespace ffi = xla::ffi;

// The widest instruction set of this machine.
template <typename T> const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = []() -> const Kernels<T>& {
    constexpr bool is_single = std::is_same_v<T, float>;
#if defined(QJAX_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      if constexpr (is_single) return avx512::single_kernels;
      else return avx512::double_kernels;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      if constexpr (is_single) return avx2::single_kernels;
      else return avx2::double_kernels;
    }
#endif
    if constexpr (is_single) return baseline::single_kernels;
    else return baseline::double_kernels;
  }();
  return chosen;
}

// Run body(0) ... body(count - 1) on the pool's threads and this one; returns when all are done.
// Which thread runs which does not matter to the results.
void each(int64_t count, int64_t work, ffi::ThreadPool pool,
          const std::function<void(int64_t)>& body) {
  constexpr int64_t kWorthAThread = 1 << 18;  // amplitudes times steps
  const int64_t helpers =
      std::min({pool.num_threads() - 1, count - 1, count * work / kWorthAThread - 1});
  if (helpers < 1) {
    for (int64_t k = 0; k < count; ++k) body(k);
    return;
  }
  struct Shared {
    std::atomic<int64_t> next{0};
    int64_t done = 0;
    std::mutex mutex;
    std::condition_variable finished;
  };
  // Helpers may start when all is done, and this call is over: what they look at then is theirs too.
  auto shared = std::make_shared<Shared>();
  auto work_off = [shared, count, &body] {
    int64_t own = 0;
    for (int64_t k; (k = shared->next.fetch_add(1)) < count; ++own) body(k);
    if (own == 0) return;
    std::lock_guard<std::mutex> lock(shared->mutex);
    if ((shared->done += own) == count) shared->finished.notify_one();
  };
  for (int64_t k = 0; k < helpers; ++k) pool.Schedule(std::function<void()>(work_off));
  work_off();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done == count; });
}

// The words of the program: a header, then steps, factors, terms, controls, columns.
struct Header {
  int32_t num_qubits, num_steps, num_factors, num_terms, num_controls, shift;
};

template <typename T> Program<T> read(const int32_t* words, const T* numbers) {
  const auto* header = reinterpret_cast<const Header*>(words);
  const auto* steps = reinterpret_cast<const Step*>(header + 1);
  const auto* factors = reinterpret_cast<const Factor*>(steps + header->num_steps);
  const auto* terms = reinterpret_cast<const Term*>(factors + header->num_factors);
  const auto* controls = reinterpret_cast<const Control*>(terms + header->num_terms);
  const auto* columns = reinterpret_cast<const int32_t*>(controls + header->num_controls);
  return {header->num_qubits, steps,   header->num_steps, factors, terms,
          controls,           numbers, columns,           header->shift};
}

template <ffi::DataType D>
using Number = ffi::NativeType<D>;

template <typename T> bool by_samples(int num_qubits, int64_t batch) {
  constexpr int kFewQubits = 8;  // whose tiles of one sample are shorter than what a step costs
  const int lanes = kernels<T>().lanes;
  if ((1 << num_qubits) < 2 * lanes) return true;
  return num_qubits <= kFewQubits && 2 * batch >= lanes;
}

template <ffi::DataType D>
Call<Number<D>> call_of(ffi::Buffer<ffi::S32>& words, ffi::Buffer<D>& numbers,
                        ffi::Buffer<D>& shared, ffi::Buffer<D>& batched) {
  using T = Number<D>;
  Call<T> call{};
  call.program = read<T>(words.typed_data(), numbers.typed_data());
  call.batch = batched.dimensions().back();
  call.lanes_are_samples = by_samples<T>(call.program.num_qubits, call.batch);
  call.shared = shared.typed_data();
  call.batched = batched.typed_data();
  return call;
}

template <typename T> int64_t num_tiles(const Call<T>& call) {
  const int64_t samples = call.lanes_are_samples ? kernels<T>().lanes : 1;
  return (call.batch + samples - 1) / samples;
}

template <typename T> int64_t work_of(const Call<T>& call) {
  const int64_t samples = call.lanes_are_samples ? kernels<T>().lanes : 1;
  return (samples << call.program.num_qubits) * (call.program.num_steps + 1);
}

template <ffi::DataType D>
ffi::Error simulate(ffi::ThreadPool pool, ffi::Buffer<ffi::S32> words, ffi::Buffer<D> numbers,
                    ffi::Buffer<D> shared, ffi::Buffer<D> batched, ffi::Result<ffi::Buffer<D>> state) {
  auto call = call_of<D>(words, numbers, shared, batched);
  call.state = state->typed_data();
  each(num_tiles(call), work_of(call), pool,
       [&](int64_t k) { kernels<Number<D>>().forward(call, k); });
  return ffi::Error::Success();
}

template <ffi::DataType D>
ffi::Error pull_back(ffi::ThreadPool pool, ffi::Buffer<ffi::S32> words, ffi::Buffer<D> numbers,
                     ffi::Buffer<D> shared, ffi::Buffer<D> batched, ffi::Buffer<D> state,
                     ffi::Buffer<D> cotangent, ffi::Result<ffi::Buffer<D>> to_shared,
                     ffi::Result<ffi::Buffer<D>> to_batched) {
  auto call = call_of<D>(words, numbers, shared, batched);
  call.state = state.typed_data();
  call.cotangent = cotangent.typed_data();
  call.batched_cotangents = to_batched->typed_data();
  std::fill_n(call.batched_cotangents, to_batched->element_count(), Number<D>(0));
  const int64_t tiles = num_tiles(call), angles = shared.element_count();
  // Each tile sums for itself, and their order is fixed: the same digits in every run.
  std::vector<double> sums(tiles * angles, 0.0);
  each(tiles, 3 * work_of(call), pool,
       [&](int64_t k) { kernels<Number<D>>().backward(call, k, sums.data() + k * angles); });
  for (int64_t angle = 0; angle < angles; ++angle) {
    double total = 0;
    for (int64_t k = 0; k < tiles; ++k) total += sums[k * angles + angle];
    to_shared->typed_data()[angle] = Number<D>(total);
  }
  return ffi::Error::Success();
}

template <ffi::DataType D> auto bind_simulate() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<ffi::Buffer<ffi::S32>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Ret<ffi::Buffer<D>>();
}

template <ffi::DataType D> auto bind_pull_back() {
  return ffi::Ffi::Bind()
      .Ctx<ffi::ThreadPool>()
      .Arg<ffi::Buffer<ffi::S32>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Arg<ffi::Buffer<D>>()
      .template Ret<ffi::Buffer<D>>()
      .template Ret<ffi::Buffer<D>>();
}

}  // namespace
}  // namespace qjax

#pragma GCC visibility push(default)

XLA_FFI_DEFINE_HANDLER_SYMBOL(QjaxSimulateF32, qjax::simulate<xla::ffi::F32>,
                              qjax::bind_simulate<xla::ffi::F32>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(QjaxSimulateF64, qjax::simulate<xla::ffi::F64>,
                              qjax::bind_simulate<xla::ffi::F64>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(QjaxPullBackF32, qjax::pull_back<xla::ffi::F32>,
                              qjax::bind_pull_back<xla::ffi::F32>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(QjaxPullBackF64, qjax::pull_back<xla::ffi::F64>,
                              qjax::bind_pull_back<xla::ffi::F64>());

#pragma GCC visibility pop
