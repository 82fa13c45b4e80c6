#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/file_descriptor.h"

namespace raydp {

/// How much shared memory is mapped now. Tests use the counts to find leaks.
struct MappedMemory {
  std::atomic<std::uint64_t> segments{0};
  std::atomic<std::uint64_t> bytes{0};
};

/// A shared mapping of a whole segment. The destructor unmaps it, on the thread that drops the last
/// reference; Arrow arrays over a segment hold one.
class Mapping {
 public:
  /// Maps `size` bytes of `file` for reading and writing. The descriptor still belongs to the
  /// caller, who may close it at once. Pages are not populated: a segment may be far larger than
  /// the data in it.
  static std::shared_ptr<Mapping> map(const FileDescriptor& file, std::uint64_t size,
                                      std::shared_ptr<MappedMemory> counter);

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::span<std::byte> bytes() const noexcept { return {pages_.get(), pages_.get_deleter().size}; }

  /// Returns the physical pages that are entirely in [begin, end) to the system. They read as zeros
  /// afterwards, in every process.
  void discard(std::uint64_t begin, std::uint64_t end);

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(std::byte* address) const noexcept;
  };
  using Pages = std::unique_ptr<std::byte, Unmap>;

  Mapping(Pages pages, std::shared_ptr<MappedMemory> counter) noexcept;

  Pages pages_;
  const std::shared_ptr<MappedMemory> counter_;
};

/// An anonymous file of `size` bytes (memfd), sealed against shrinking and growing: nobody can
/// remove pages under a mapping (SIGBUS), and nothing remains after the processes end.
FileDescriptor create_segment_file(std::uint64_t size);

/// Maps a segment that a peer created and offered with `size` bytes. First checks that the
/// descriptor is what `create_segment_file` makes: memory in ordinary pages, which the kernel
/// always has or kills a process for, sealed against shrinking but not against writing, that holds
/// so many bytes. In any other file an access can end this process (SIGBUS) or block it. Throws
/// `ErrorCode::protocol`.
std::shared_ptr<Mapping> map_peer_segment(const FileDescriptor& file, std::uint64_t size,
                                          std::shared_ptr<MappedMemory> counter);

}  // namespace raydp
