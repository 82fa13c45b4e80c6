#include "fuzz/decode_input.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <variant>

#include "core/array_copy.h"
#include "core/array_layout.h"
#include "core/error.h"
#include "core/message.h"
#include "core/testing/sample_array.h"

namespace raydp::fuzz {

namespace {

constexpr std::size_t kSegmentSize = 4096;

void require(bool truth) {
  if (!truth) std::abort();
}

// A new segment that begins with `content`. It is never reused: a fault must not affect the next
// input.
std::shared_ptr<Mapping> segment_with(std::span<const std::uint8_t> content) {
  static const auto memory = std::make_shared<MappedMemory>();
  auto mapping = Mapping::map(create_segment_file(kSegmentSize), kSegmentSize, memory);
  const std::size_t size = std::min(content.size(), kSegmentSize);
  if (size > 0) std::memcpy(mapping->bytes().data(), content.data(), size);
  return mapping;
}

// An accepted batch must be readable to the last value, directly and through the copy.
void read_everything(const Field& batch, std::uint64_t rows, const std::vector<ArrayNode>& nodes,
                     const std::shared_ptr<Mapping>& mapping) {
  // Columns of type null can have any number of rows without a single byte.
  if (rows > 8 * kSegmentSize) return;
  const auto count = static_cast<std::int64_t>(rows);
  ArrowArray array{};
  export_batch(batch, rows, nodes, mapping, &array);
  check_batch(batch, array);
  // Several rows may share the same values, so a small segment can describe a large copy.
  const std::int64_t size = bytes_needed(batch, array, {.from = 0, .count = count});
  if (size <= 64 * static_cast<std::int64_t>(kSegmentSize)) {
    std::vector<std::uint64_t> copy(static_cast<std::size_t>(size) / sizeof(std::uint64_t) + 1);
    copy_rows(batch, array, {.from = 0, .count = count}, std::as_writable_bytes(std::span(copy)));
    for (std::int64_t row = 0; row < std::min<std::int64_t>(count, 16); ++row) {
      testing::render(batch, array, row);
    }
  }
  array.release(&array);
}

void check_batch_nodes(std::uint64_t rows, const std::vector<ArrayNode>& nodes,
                       std::span<const std::uint8_t> content) {
  static const Field every_type = testing::every_type();
  static const Field two_columns =
      testing::make_batch({testing::make_field("number", "l"), testing::make_field("text", "u")});
  const std::shared_ptr<Mapping> mapping = segment_with(content);
  for (const Field* batch : {&every_type, &two_columns}) {
    try {
      check_nodes(*batch, rows, nodes, mapping->bytes());
    } catch (const Error& error) {
      require(error.code() == ErrorCode::protocol);
      continue;
    }
    read_everything(*batch, rows, nodes, mapping);
  }
}

}  // namespace

void decode_input(std::span<const std::uint8_t> input) {
  const auto bytes = std::as_bytes(input);
  if (bytes.size() < kHeaderSize) return;
  try {
    const Header header = decode_header(bytes.first<kHeaderSize>());
    if (bytes.size() < kHeaderSize + header.payload_size) return;
    const Message message = decode_payload(header, bytes.subspan(kHeaderSize, header.payload_size));
    const auto content = input.subspan(kHeaderSize + header.payload_size);
    // Each message has exactly one encoding.
    const std::vector<std::byte> again = encode(message);
    require(std::ranges::equal(again, bytes.first(again.size())));
    if (const auto* block = std::get_if<Block>(&message)) {
      check_batch_nodes(block->rows, block->nodes, content);
    } else if (const auto* ready = std::get_if<Ready>(&message)) {
      check_buffers(ready->nodes, segment_with(content)->bytes());
    }
  } catch (const Error& error) {
    require(error.code() == ErrorCode::protocol);
  }
}

void check_batch_input(std::span<const std::uint8_t> input) {
  std::size_t at = 0;
  const auto next = [&]() -> std::uint64_t { return at < input.size() ? input[at++] : 0; };
  // Mostly small numbers, because only those are nearly valid; 255 means a huge one.
  const auto number = [&] {
    const std::uint64_t value = next();
    return value == 255 ? ~std::uint64_t{0} - next() : value;
  };
  static const std::size_t kNodes = node_count(testing::every_type()) - 1;
  const std::size_t count = next() % 2 == 0 ? 2 : kNodes;
  const std::uint64_t rows = number();
  std::vector<ArrayNode> nodes(count);
  for (ArrayNode& node : nodes) {
    const std::uint64_t choice = next();
    node.length = static_cast<std::int64_t>(choice % 4 == 0 ? number() : rows);
    node.null_count = static_cast<std::int64_t>(choice % 8 == 1 ? number() : 0);
    node.n_buffers = static_cast<std::uint32_t>(choice / 64 % 4);
    for (BufferRange& buffer : node.buffers) {
      buffer = {.offset = number() * 64, .size = number() * 16};
      if (buffer.size == 0) buffer = {};
    }
  }
  check_batch_nodes(rows, nodes, input.subspan(std::min(at, input.size())));
}

std::vector<std::uint8_t> valid_block() {
  const Field batch = testing::every_type();
  testing::Random random(11);
  const testing::SampleArray sample(batch, 7, random, false);
  std::vector<std::uint64_t> segment(512);
  const auto content = std::as_writable_bytes(std::span(segment));
  const auto bytes =
      encode(Block{.segment = 0,
                   .export_id = 1,
                   .rows = 7,
                   .nodes = copy_rows(batch, sample.array(), {.from = 0, .count = 7}, content)});
  std::vector<std::uint8_t> input;
  for (const std::byte byte : bytes) input.push_back(static_cast<std::uint8_t>(byte));
  for (const std::byte byte : content) input.push_back(static_cast<std::uint8_t>(byte));
  return input;
}

}  // namespace raydp::fuzz
