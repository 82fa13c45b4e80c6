#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "core/file_descriptor.h"
#include "core/segment.h"

namespace raydp::testing {

/// A file that an executor could offer in place of a segment.
struct OtherFile {
  std::string kind;
  FileDescriptor file;
};

inline constexpr std::uint64_t kOtherFileSize = 4U << 20U;  // two huge pages

inline FileDescriptor sealed_memory_file(unsigned flags, int seals) {
  FileDescriptor file(::memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(kOtherFileSize)) != 0) return {};
  if (seals != 0 && ::fcntl(file.get(), F_ADD_SEALS, seals) != 0) return {};
  return file;
}

/// Files of `kOtherFileSize` bytes, as far as they have a size, that are no segments. Kinds that
/// this machine does not have are left out.
inline std::vector<OtherFile> other_files(const std::string& folder) {
  std::vector<OtherFile> found;
  const auto add = [&](std::string kind, FileDescriptor file) {
    if (file) found.push_back({std::move(kind), std::move(file)});
  };
  // The kernel creates and maps it though no huge page is free.
  add("huge pages", sealed_memory_file(MFD_HUGETLB, F_SEAL_SHRINK | F_SEAL_GROW));
  add("no seals", sealed_memory_file(0, 0));
  add("may shrink", sealed_memory_file(0, F_SEAL_GROW));
  add("no writing", sealed_memory_file(0, F_SEAL_SHRINK | F_SEAL_WRITE));
  add("no writing from now on", sealed_memory_file(0, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE));
  const FileDescriptor segment = create_segment_file(kOtherFileSize);
  const std::string name = "/proc/self/fd/" + std::to_string(segment.get());
  add("read only", FileDescriptor(::open(name.c_str(), O_RDONLY | O_CLOEXEC)));
  add("path only", FileDescriptor(::open(name.c_str(), O_PATH | O_CLOEXEC)));
  for (const std::string& place : {folder, std::string("/dev/shm")}) {
    FileDescriptor file(::open(place.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file && ::ftruncate(file.get(), static_cast<off_t>(kOtherFileSize)) == 0) {
      add("file in " + place, std::move(file));
    }
    add("folder " + place, FileDescriptor(::open(place.c_str(), O_DIRECTORY | O_CLOEXEC)));
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    add("pipe", FileDescriptor(ends[0]));
    add("other end of a pipe", FileDescriptor(ends[1]));
  }
  add("device", FileDescriptor(::open("/dev/zero", O_RDWR | O_CLOEXEC)));
  add("epoll", FileDescriptor(::epoll_create1(EPOLL_CLOEXEC)));
  return found;
}

}  // namespace raydp::testing
