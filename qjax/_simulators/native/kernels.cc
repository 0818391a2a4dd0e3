// The kernels, compiled once for each instruction set: QJAX_ISA names the namespace.
#include "kernels.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "draws.h"
#include "readout.h"
#include "superoperators.h"
#include "trajectories.h"

namespace qjax {
namespace QJAX_ISA {
namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

// Large states lie on large pages where the system has them: blocks gather rows from all over.
void* aligned(size_t bytes) {
#if defined(__linux__)
  constexpr size_t kPage = size_t(2) << 20;
  if (bytes >= 2 * kPage) {
    const size_t rounded = (bytes + kPage - 1) / kPage * kPage;
    void* memory = std::aligned_alloc(kPage, rounded);
    if (memory != nullptr) madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
  }
#endif
  return std::aligned_alloc(64, bytes);
}

// Memory for the states of a tile, which each thread keeps up to a size.
template <typename T> Amplitudes<T>* workspace(size_t vectors) {
  constexpr size_t kKept = size_t(64) << 20;
  thread_local std::unique_ptr<void, Free> memory;
  thread_local size_t size = 0;
  const size_t needed = vectors * sizeof(Amplitudes<T>);
  if (needed > size || size > kKept) {
    memory.reset();
    memory.reset(aligned(needed));
    size = memory ? needed : 0;
    if (!memory) throw std::bad_alloc();
  }
  return static_cast<Amplitudes<T>*>(memory.get());
}

template <typename T> Layout layout_of(const Call<T>& call) {
  return {call.program.num_qubits, call.lanes_are_samples ? 0 : kLaneBits<T>};
}

template <typename T>
Tile<T> tile_of(const Call<T>& call, int64_t number, double* shared_cotangents = nullptr) {
  const Layout layout = layout_of(call);
  const int64_t samples = call.lanes_are_samples ? kLanes<T> : 1;
  const int64_t first = number * samples, left = call.batch - first;
  return {call.program,
          layout,
          {call.shared, call.batched, call.batch, first, std::min(left, samples),
           call.lanes_are_samples, shared_cotangents, call.batched_cotangents},
          call.fork,
          nullptr,
          nullptr,
          call.start,
          call.to_start,
          call.before};
}

// Without the last phases where those do not matter.
template <typename T> Program<T> program_to_read(const Call<T>& call) {
  Program<T> program = call.program;
  if (call.reading->has_phases()) return program;
  while (program.num_steps > 0 && program.steps[program.num_steps - 1].kind == StepKind::kPhases)
    --program.num_steps;
  return program;
}

template <typename T> void forward(const Call<T>& call, int64_t number) {
  Tile<T> tile = tile_of(call, number);
  tile.state = workspace<T>(tile.layout.vectors());
  tile.run();
  tile.store(tile.state, call.state);
}

template <typename T> void backward(const Call<T>& call, int64_t number, double* shared) {
  Tile<T> tile = tile_of(call, number, shared);
  tile.state = workspace<T>(2 * tile.layout.vectors());
  tile.cotangent = tile.state + tile.layout.vectors();
  tile.load(call.state, tile.state);
  tile.load(call.cotangent, tile.cotangent);
  tile.run_back();
}

template <typename T> Amplitudes<T>* kept(const Call<T>& call, int64_t number, int64_t vectors) {
  return reinterpret_cast<Amplitudes<T>*>(call.tiles) + number * vectors;
}

template <typename T> void forward_values(const Call<T>& call, int64_t number) {
  Tile<T> tile = tile_of(call, number);
  tile.program = program_to_read(call);
  const int64_t vectors = tile.layout.vectors();
  tile.state = call.tiles ? kept(call, number, vectors) : workspace<T>(vectors);
  tile.run();
  Readout<T>(tile, *call.reading).store(call.values);
}

template <typename T> void backward_values(const Call<T>& call, int64_t number, double* shared) {
  Tile<T> tile = tile_of(call, number, shared);
  tile.program = program_to_read(call);
  const int64_t vectors = tile.layout.vectors();
  tile.state = workspace<T>(2 * vectors);
  tile.cotangent = tile.state + vectors;
  std::copy_n(kept(call, number, vectors), vectors, tile.state);
  Readout<T>(tile, *call.reading).load(call.cotangent);
  tile.run_back();
}

// A tile whose state stands in the caller's memory, and its cotangent too if there is one.
template <typename T>
Tile<T> tile_in_place(const Call<T>& call, int64_t number, double* shared = nullptr) {
  Tile<T> tile = tile_of(call, number, shared);
  const int64_t vectors = tile.layout.vectors();
  tile.state = kept(call, number, vectors);
  if (call.to_tiles != nullptr)
    tile.cotangent = reinterpret_cast<Amplitudes<T>*>(call.to_tiles) + number * vectors;
  return tile;
}

template <typename T> void run_tiles(const Call<T>& call, int64_t number) {
  tile_in_place(call, number).run_sweeps(false, 0);
}

template <typename T> void undo_tiles(const Call<T>& call, int64_t number, double* shared) {
  tile_in_place(call, number, shared).run_sweeps(true, 0);
}

template <typename T> void read_tiles(const Call<T>& call, int64_t number) {
  Readout<T>(tile_in_place(call, number), *call.reading).store(call.values);
}

template <typename T> void read_tiles_back(const Call<T>& call, int64_t number) {
  Readout<T>(tile_in_place(call, number), *call.reading).load(call.cotangent);
}

template <typename T> void follow(const TrajectoryCall<T>& call, int64_t tile) {
  Amplitudes<T>* memory = workspace<T>(call.num_rows());
  of_width(call, tile, [&](auto runs) { runs.run(memory); });
}

template <typename T> void pull_back_trajectories(const TrajectoryCall<T>& call, int64_t tile) {
  const int64_t states = states_of_pull_back(call.header.num_blocks);
  Amplitudes<T>* memory = workspace<T>(states * call.num_rows());
  of_width(call, tile, [&](auto runs) { runs.pull_back(memory); });
}

}  // namespace

#define QJAX_KERNELS(T)                                                                 \
  {forward<T>, backward<T>, forward_values<T>, backward_values<T>, run_tiles<T>, undo_tiles<T>, \
   read_tiles<T>, read_tiles_back<T>, kLanes<T>, superoperate<T>, superoperate_back<T>, draw_counts<T>, follow<T>, pull_back_trajectories<T>}
extern const Kernels<float> single_kernels = QJAX_KERNELS(float);
extern const Kernels<double> double_kernels = QJAX_KERNELS(double);
#undef QJAX_KERNELS

}  // namespace QJAX_ISA
}  // namespace qjax
