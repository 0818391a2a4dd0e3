// XLA's threads: a loop whose rounds several of them share, and what becomes of exceptions.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>

#include "xla/ffi/api/ffi.h"

namespace qjax {

// Run body(0) ... body(count - 1) on the pool's threads and this one; returns when all are done.
// Which thread runs which does not matter to the results. What a body throws is thrown here, at the
// end.
inline void each(int64_t count, int64_t work, xla::ffi::ThreadPool pool,
          const std::function<void(int64_t)>& body) {
  constexpr int64_t kWorthAThread = 1 << 19;  // amplitudes times steps
  const int64_t helpers =
      std::min({pool.num_threads() - 1, count - 1, count * work / kWorthAThread - 1});
  if (helpers < 1) {
    for (int64_t k = 0; k < count; ++k) body(k);
    return;
  }
  struct Shared {
    std::atomic<int64_t> next{0};
    int64_t done = 0;
    std::exception_ptr thrown;
    std::mutex mutex;
    std::condition_variable finished;
  };
  // Helpers may start when all is done and this call is over: what they look at is theirs too.
  auto shared = std::make_shared<Shared>();
  auto work_off = [shared, count, &body] {
    int64_t own = 0;
    std::exception_ptr thrown;
    for (int64_t k; (k = shared->next.fetch_add(1)) < count; ++own) {
      try {
        body(k);
      } catch (...) {
        thrown = std::current_exception();
      }
    }
    if (own == 0) return;
    std::lock_guard<std::mutex> lock(shared->mutex);
    if (thrown) shared->thrown = thrown;
    if ((shared->done += own) == count) shared->finished.notify_one();
  };
  for (int64_t k = 0; k < helpers; ++k) pool.Schedule(std::function<void()>(work_off));
  work_off();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done == count; });
  if (shared->thrown) std::rethrow_exception(shared->thrown);
}

// XLA knows errors, and no exceptions.
template <typename Run> xla::ffi::Error guarded(Run run) {
  try {
    run();
    return xla::ffi::Error::Success();
  } catch (const std::bad_alloc&) {
    return xla::ffi::Error(xla::ffi::ErrorCode::kResourceExhausted,
                      "the native engine: not enough memory for the states of a circuit");
  }
}

}  // namespace qjax
