#include "core/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/testing/other_files.h"
#include "core/testing/temporary_directory.h"

namespace raydp {
namespace {

ErrorCode refusal(const FileDescriptor& file, std::uint64_t size) {
  const auto memory = std::make_shared<MappedMemory>();
  try {
    map_peer_segment(file, size, memory);
  } catch (const Error& error) {
    EXPECT_EQ(memory->segments, 0U);
    return error.code();
  }
  ADD_FAILURE() << "not refused";
  return ErrorCode::io;
}

TEST(Segment, BothSidesSeeTheSameBytesAndTheCounterFollows) {
  const auto memory = std::make_shared<MappedMemory>();
  FileDescriptor file = create_segment_file(10'000);
  auto ours = Mapping::map(file, 10'000, memory);
  auto theirs = map_peer_segment(file, 10'000, memory);
  file.reset();
  std::memset(ours->bytes().data(), 'x', ours->bytes().size());
  EXPECT_EQ(theirs->bytes()[9'999], std::byte{'x'});
  EXPECT_EQ(memory->segments, 2U);
  EXPECT_EQ(memory->bytes, 20'000U);
  ours.reset();
  EXPECT_EQ(theirs->bytes()[0], std::byte{'x'});
  theirs.reset();
  EXPECT_EQ(memory->segments, 0U);
  EXPECT_EQ(memory->bytes, 0U);
}

TEST(Segment, CannotBeResized) {
  const FileDescriptor file = create_segment_file(10'000);
  EXPECT_NE(::ftruncate(file.get(), 1), 0);
  EXPECT_NE(::ftruncate(file.get(), 20'000), 0);
}

TEST(Segment, MayBeFarLargerThanMemory) {
  const auto memory = std::make_shared<MappedMemory>();
  const std::uint64_t size = 1ULL << 36U;
  const auto mapping = map_peer_segment(create_segment_file(size), size, memory);
  mapping->bytes().back() = std::byte{1};
  EXPECT_EQ(mapping->bytes()[size / 2], std::byte{0});
}

TEST(Segment, OtherKindsOfFilesAreRefused) {
  const testing::TemporaryDirectory folder;
  const auto files = testing::other_files(folder.path().string());
  EXPECT_GE(files.size(), 10U);
  for (const auto& [kind, file] : files) {
    EXPECT_EQ(refusal(file, testing::kOtherFileSize), ErrorCode::protocol) << kind;
  }
  EXPECT_EQ(refusal(FileDescriptor(), testing::kOtherFileSize), ErrorCode::protocol);
}

TEST(Segment, AnnouncedSizesAreChecked) {
  const FileDescriptor file = create_segment_file(4096);
  EXPECT_EQ(refusal(file, 4097), ErrorCode::protocol);
  EXPECT_EQ(refusal(file, 0), ErrorCode::protocol);
  EXPECT_EQ(refusal(file, ~0ULL), ErrorCode::protocol);
  EXPECT_THROW(create_segment_file(0), Error);
  EXPECT_THROW(create_segment_file(~0ULL), Error);
}

TEST(Segment, DiscardedPagesReadAsZeros) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto memory = std::make_shared<MappedMemory>();
  const auto mapping = Mapping::map(create_segment_file(4 * page + 1), 4 * page + 1, memory);
  const auto bytes = mapping->bytes();
  std::fill(bytes.begin(), bytes.end(), std::byte{1});
  mapping->discard(1, 3 * page - 1);  // only the page that is entirely inside
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), std::byte{0}),
            static_cast<std::ptrdiff_t>(page));
  EXPECT_EQ(bytes[page], std::byte{0});
  mapping->discard(3 * page, bytes.size());  // the last page is partial, but nothing else uses it
  EXPECT_EQ(bytes.back(), std::byte{0});
  EXPECT_EQ(bytes[0], std::byte{1});
  EXPECT_THROW(mapping->discard(0, bytes.size() + 1), Error);
  EXPECT_THROW(mapping->discard(2, 1), Error);
}

}  // namespace
}  // namespace raydp
