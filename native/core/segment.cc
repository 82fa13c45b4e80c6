#include "core/segment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "core/error.h"

namespace raydp {

namespace {

constexpr auto kLargestSegment = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

void check_size(std::uint64_t size, ErrorCode code) {
  if (size == 0 || size > kLargestSegment) {
    throw Error(code, "a shared memory segment must have between 1 byte and 2^63-1 bytes, not " +
                          std::to_string(size));
  }
}

/// Memory files in huge pages can be sealed, too, but are in another file system. They are mapped
/// though no huge page is free, and the first access is a SIGBUS.
void check_file_system(const FileDescriptor& file) {
  struct statfs system {};
  if (::fstatfs(file.get(), &system) != 0) {
    throw_system_error(ErrorCode::protocol, "cannot examine the offered segment", errno);
  }
  if (system.f_type != TMPFS_MAGIC) {
    throw Error(ErrorCode::protocol,
                "the offered segment is not memory in ordinary pages: its file system has type " +
                    std::to_string(system.f_type));
  }
}

void check_seals(const FileDescriptor& file) {
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    throw Error(ErrorCode::protocol,
                "the offered segment is not a memory file that is sealed against shrinking");
  }
  if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) {
    throw Error(ErrorCode::protocol, "the offered segment is sealed against writing");
  }
}

}  // namespace

void Mapping::Unmap::operator()(std::byte* address) const noexcept { ::munmap(address, size); }

Mapping::Mapping(Pages pages, std::shared_ptr<MappedMemory> counter) noexcept
    : pages_(std::move(pages)), counter_(std::move(counter)) {
  counter_->segments += 1;
  counter_->bytes += bytes().size();
}

Mapping::~Mapping() {
  const std::size_t size = bytes().size();
  pages_.reset();
  counter_->segments -= 1;
  counter_->bytes -= size;
}

std::shared_ptr<Mapping> Mapping::map(const FileDescriptor& file, std::uint64_t size,
                                      std::shared_ptr<MappedMemory> counter) {
  void* address =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (address == MAP_FAILED) {
    throw_system_error(ErrorCode::out_of_memory,
                       "cannot map a shared memory segment of " + std::to_string(size) + " bytes",
                       errno);
  }
  // Both allocations below may fail. Each owner passes the pages on only when the next one exists.
  Pages pages(static_cast<std::byte*>(address), Unmap{size});
  std::unique_ptr<Mapping> mapping(new Mapping(std::move(pages), std::move(counter)));
  return mapping;
}

void Mapping::discard(std::uint64_t begin, std::uint64_t end) {
  const std::size_t size = bytes().size();
  if (begin > end || end > size) {
    throw Error(ErrorCode::invalid_argument,
                "the range to discard must lie in the segment of " + std::to_string(size) +
                    " bytes: [" + std::to_string(begin) + ", " + std::to_string(end) + ")");
  }
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t first = (begin + page - 1) / page * page;
  // The segment's end counts as a page boundary: nothing uses the rest of its last page.
  const std::uint64_t last = end == size ? (end + page - 1) / page * page : end / page * page;
  if (first >= last) return;
  if (::madvise(pages_.get() + first, last - first, MADV_REMOVE) != 0) {
    throw_system_error(ErrorCode::io,
                       "cannot return pages of a shared memory segment to the system", errno);
  }
}

FileDescriptor create_segment_file(std::uint64_t size) {
  check_size(size, ErrorCode::invalid_argument);
  FileDescriptor file(::memfd_create("raydp-segment", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    throw_system_error(ErrorCode::io,
                       "cannot create a shared memory segment. If memfd_create is not permitted, "
                       "allow it in the container's seccomp profile",
                       errno);
  }
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    throw_system_error(ErrorCode::out_of_memory,
                       "cannot size a shared memory segment to " + std::to_string(size) + " bytes",
                       errno);
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw_system_error(ErrorCode::io, "cannot seal a shared memory segment", errno);
  }
  return file;
}

std::shared_ptr<Mapping> map_peer_segment(const FileDescriptor& file, std::uint64_t size,
                                          std::shared_ptr<MappedMemory> counter) {
  check_size(size, ErrorCode::protocol);
  check_seals(file);
  check_file_system(file);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    throw_system_error(ErrorCode::protocol, "cannot examine the offered segment", errno);
  }
  if ((::fcntl(file.get(), F_GETFL) & O_ACCMODE) != O_RDWR) {
    throw Error(ErrorCode::protocol, "the offered segment is not open for reading and writing");
  }
  if (static_cast<std::uint64_t>(status.st_size) < size) {
    throw Error(ErrorCode::protocol, "the offered segment is smaller than its offer says: " +
                                         std::to_string(status.st_size) + " < " +
                                         std::to_string(size) + " bytes");
  }
  return Mapping::map(file, size, std::move(counter));
}

}  // namespace raydp
