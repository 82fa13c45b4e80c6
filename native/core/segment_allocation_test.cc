// Segments when memory runs out. In its own program, because it replaces the allocator and munmap.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/segment.h"

namespace {

std::atomic<int> allocations_left{-1};  // negative: no limit
std::atomic<int> unmapped{0};

}  // namespace

// Not inlined: the compiler warns where it sees that `free` takes what `new` returned.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocations_left == 0) {
    allocations_left = -1;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) allocations_left -= 1;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): its names are reserved.
extern "C" int munmap(void* address, std::size_t size) noexcept {
  unmapped += 1;
  return static_cast<int>(::syscall(SYS_munmap, address, size));
}

namespace raydp {
namespace {

TEST(SegmentAllocation, PagesAreUnmappedOnceWhicheverAllocationFails) {
  const auto memory = std::make_shared<MappedMemory>();
  const FileDescriptor file = create_segment_file(4096);
  std::shared_ptr<Mapping> mapping;
  int failures = 0;
  while (mapping == nullptr) {
    unmapped = 0;
    allocations_left = failures;
    try {
      mapping = Mapping::map(file, 4096, memory);
      allocations_left = -1;
    } catch (const std::bad_alloc&) {
      allocations_left = -1;
      ++failures;
      EXPECT_EQ(unmapped, 1) << "failed allocation: " << failures;
      EXPECT_EQ(memory->segments, 0U);
      EXPECT_EQ(memory->bytes, 0U);
    }
  }
  EXPECT_EQ(failures, 2);  // the mapping, and the control block of its shared_ptr
  EXPECT_EQ(unmapped, 0);
  mapping.reset();
  EXPECT_EQ(unmapped, 1);
}

}  // namespace
}  // namespace raydp
