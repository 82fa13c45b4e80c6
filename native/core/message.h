#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace raydp {

/// The messages between an executor and its exchange agent, little endian. Each message is a header
/// of `kHeaderSize` bytes (magic u32, version u16, type u16, payload length u32) and the payload:
/// the fields of the struct in order, strings and lists preceded by a u32 count.
inline constexpr std::uint32_t kMagic = 0x50445952;  // "RYDP" in memory
inline constexpr std::uint16_t kVersion = 2;
inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxPayload = 4U << 20U;

/// In `BufferRange::offset`: there is no buffer.
inline constexpr std::uint64_t kAbsent = ~std::uint64_t{0};
/// In `Failed::segment`: the whole connection failed.
inline constexpr std::uint32_t kNoSegment = ~std::uint32_t{0};

using Token = std::array<std::uint8_t, 32>;

/// One buffer of an Arrow array; the offset counts bytes from the start of the segment.
struct BufferRange {
  std::uint64_t offset = kAbsent;
  std::uint64_t size = 0;

  bool absent() const { return offset == kAbsent; }
  bool operator==(const BufferRange&) const = default;
};

/// One node of an Arrow array tree. A batch is the pre-order list of its columns' nodes.
struct ArrayNode {
  std::int64_t length = 0;
  std::int64_t null_count = 0;  // -1: unknown
  std::uint32_t n_buffers = 0;
  std::array<BufferRange, 3> buffers{};

  bool operator==(const ArrayNode&) const = default;
};

// Each message has its name, for log lines and errors, and a list of its fields, in the order on
// the wire.

/// The first message of an executor. The build comes first in every version, so that an agent can
/// read it.
struct Hello {
  static constexpr const char* kName = "HELLO";
  std::string build{};  ///< see `build_id`
  Token token{};
  std::string application{};
  static constexpr std::tuple kFields{&Hello::build, &Hello::token, &Hello::application};
  bool operator==(const Hello&) const = default;
};
struct Welcome {
  static constexpr const char* kName = "WELCOME";
  std::string build{};
  static constexpr std::tuple kFields{&Welcome::build};
  bool operator==(const Welcome&) const = default;
};
struct Refused {
  static constexpr const char* kName = "REFUSED";
  std::string reason{};
  static constexpr std::tuple kFields{&Refused::reason};
  bool operator==(const Refused&) const = default;
};
/// The only message that carries a file descriptor.
struct SegmentOffer {
  static constexpr const char* kName = "SEGMENT";
  std::uint32_t segment = 0;
  std::uint64_t size = 0;
  static constexpr std::tuple kFields{&SegmentOffer::segment, &SegmentOffer::size};
  bool operator==(const SegmentOffer&) const = default;
};
struct DropSegment {
  static constexpr const char* kName = "DROP_SEGMENT";
  std::uint32_t segment = 0;
  static constexpr std::tuple kFields{&DropSegment::segment};
  bool operator==(const DropSegment&) const = default;
};
struct Block {
  static constexpr const char* kName = "BLOCK";
  std::uint32_t segment = 0;
  std::uint64_t export_id = 0;
  std::uint64_t rows = 0;
  std::vector<ArrayNode> nodes{};
  static constexpr std::tuple kFields{&Block::segment, &Block::export_id, &Block::rows,
                                      &Block::nodes};
  bool operator==(const Block&) const = default;
};
/// The block passed all checks and has its index among the blocks of its export. It will be stored
/// even if its writer dies.
struct Accepted {
  static constexpr const char* kName = "ACCEPTED";
  std::uint32_t segment = 0;
  std::uint64_t index = 0;
  static constexpr std::tuple kFields{&Accepted::segment, &Accepted::index};
  bool operator==(const Accepted&) const = default;
};
/// The block is stored and the writer may reuse the segment.
struct Ack {
  static constexpr const char* kName = "ACK";
  std::uint32_t segment = 0;
  static constexpr std::tuple kFields{&Ack::segment};
  bool operator==(const Ack&) const = default;
};
struct Read {
  static constexpr const char* kName = "READ";
  std::uint32_t segment = 0;
  std::uint64_t dataset = 0;
  std::uint32_t block = 0;
  std::uint64_t from_row = 0;
  std::uint64_t max_rows = 0;
  std::vector<std::uint32_t> columns{};
  std::vector<std::uint32_t> selection{};  // see `Selection`
  static constexpr std::tuple kFields{&Read::segment,  &Read::dataset,  &Read::block,
                                      &Read::from_row, &Read::max_rows, &Read::columns,
                                      &Read::selection};
  bool operator==(const Read&) const = default;
};
struct Ready {
  static constexpr const char* kName = "READY";
  std::uint32_t segment = 0;
  std::uint64_t from_row = 0;
  std::uint64_t rows = 0;
  std::uint64_t total_rows = 0;
  std::vector<ArrayNode> nodes{};
  static constexpr std::tuple kFields{&Ready::segment, &Ready::from_row, &Ready::rows,
                                      &Ready::total_rows, &Ready::nodes};
  bool operator==(const Ready&) const = default;
};
/// Not even one row fits into the segment; one row needs `needed` bytes.
struct Grow {
  static constexpr const char* kName = "GROW";
  std::uint32_t segment = 0;
  std::uint64_t needed = 0;
  static constexpr std::tuple kFields{&Grow::segment, &Grow::needed};
  bool operator==(const Grow&) const = default;
};
struct Failed {
  static constexpr const char* kName = "FAILED";
  std::uint32_t segment = kNoSegment;
  std::uint32_t code = 0;
  std::string message{};
  static constexpr std::tuple kFields{&Failed::segment, &Failed::code, &Failed::message};
  bool operator==(const Failed&) const = default;
};

/// The alternatives are in the order of their type numbers, which start at 1. Add new ones at the
/// end.
using Message = std::variant<Hello, Welcome, Refused, SegmentOffer, DropSegment, Block, Accepted,
                             Ack, Read, Ready, Grow, Failed>;

struct Header {
  std::uint16_t type = 0;
  std::uint32_t payload_size = 0;
};

/// Header and payload in one buffer. Throws `ErrorCode::invalid_argument` if the payload exceeds
/// `kMaxPayload` (a batch with too many columns).
std::vector<std::byte> encode(const Message& message);

/// Throws `ErrorCode::protocol` for a wrong magic, version or type, or a payload that is too long.
Header decode_header(std::span<const std::byte, kHeaderSize> bytes);

/// Throws `ErrorCode::protocol` unless `payload` is exactly one message of this type.
Message decode_payload(const Header& header, std::span<const std::byte> payload);

/// The name of a message's type, for log lines and errors.
const char* name_of(const Message& message) noexcept;

/// Appends numbers as they cross the JNI boundary: a number as it is; for each node its length,
/// null count and number of buffers, then the offset and size of each buffer.
void append_numbers(std::vector<std::int64_t>& numbers, std::uint64_t number);
void append_numbers(std::vector<std::int64_t>& numbers, const std::vector<ArrayNode>& nodes);

/// Appends the fields of a message in their order.
template <class M>
requires requires { M::kFields; }
void append_numbers(std::vector<std::int64_t>& numbers, const M& message) {
  std::apply([&](auto... field) { (append_numbers(numbers, message.*field), ...); }, M::kFields);
}

/// Reads flattened nodes; throws `ErrorCode::invalid_argument`.
std::vector<ArrayNode> parse_flat_nodes(std::span<const std::int64_t> numbers);

}  // namespace raydp
