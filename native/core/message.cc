#include "core/message.h"

#include <array>
#include <bit>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/error.h"

namespace raydp {

static_assert(std::endian::native == std::endian::little, "the wire format is little endian");

namespace {

[[noreturn]] void malformed(const std::string& what) { throw Error(ErrorCode::protocol, what); }

// One list of fields per message serves both directions, so they cannot diverge.
template <class Fields, class M>
void visit_fields(Fields& visit, M& message) {
  std::apply([&](auto... field) { (visit(message.*field), ...); }, M::kFields);
}

template <class... M>
constexpr auto names_in_order(std::type_identity<std::variant<M...>>) {
  return std::array{M::kName...};
}

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  requires std::is_integral_v<T>
  void operator()(T value) { append(&value, sizeof value); }
  void operator()(const Token& token) { append(token.data(), token.size()); }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint32_t>(text.size()));
    append(text.data(), text.size());
  }
  void operator()(const std::vector<std::uint32_t>& values) {
    (*this)(static_cast<std::uint32_t>(values.size()));
    append(values.data(), values.size() * sizeof(std::uint32_t));
  }
  void operator()(const std::vector<ArrayNode>& nodes) {
    (*this)(static_cast<std::uint32_t>(nodes.size()));
    for (const ArrayNode& node : nodes) {
      (*this)(node.length), (*this)(node.null_count), (*this)(node.n_buffers);
      for (std::uint32_t i = 0; i < node.n_buffers; ++i) {
        (*this)(node.buffers.at(i).offset), (*this)(node.buffers.at(i).size);
      }
    }
  }

 private:
  void append(const void* data, std::size_t size) {
    if (size == 0) return;
    const std::size_t at = out_.size();
    out_.resize(at + size);
    std::memcpy(out_.data() + at, data, size);
  }

  std::vector<std::byte>& out_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  requires std::is_integral_v<T>
  void operator()(T& value) { std::memcpy(&value, take(sizeof value), sizeof value); }
  void operator()(Token& token) { std::memcpy(token.data(), take(token.size()), token.size()); }
  void operator()(std::string& text) {
    const std::size_t size = count(1);
    text.assign(reinterpret_cast<const char*>(take(size)), size);
  }
  void operator()(std::vector<std::uint32_t>& values) {
    values.resize(count(sizeof(std::uint32_t)));
    for (std::uint32_t& value : values) (*this)(value);
  }
  void operator()(std::vector<ArrayNode>& nodes) {
    constexpr std::size_t kSmallestNode = 20;
    nodes.resize(count(kSmallestNode));
    for (ArrayNode& node : nodes) {
      (*this)(node.length), (*this)(node.null_count), (*this)(node.n_buffers);
      if (node.n_buffers > node.buffers.size()) malformed("an array node has more than 3 buffers");
      for (std::uint32_t i = 0; i < node.n_buffers; ++i) {
        (*this)(node.buffers.at(i).offset), (*this)(node.buffers.at(i).size);
      }
    }
  }

  void expect_end() const {
    if (!bytes_.empty()) malformed("a message is longer than its fields");
  }

 private:
  const std::byte* take(std::size_t size) {
    if (size > bytes_.size()) malformed("a message ends in the middle of a field");
    const std::byte* at = bytes_.data();
    bytes_ = bytes_.subspan(size);
    return at;
  }

  // The count of a list, checked against the remaining bytes before anything is allocated for it.
  std::size_t count(std::size_t smallest_item) {
    std::uint32_t value = 0;
    (*this)(value);
    if (value > bytes_.size() / smallest_item) malformed("a list is longer than its message");
    return value;
  }

  std::span<const std::byte> bytes_;
};

template <std::size_t I = 0>
Message decode_alternative(std::size_t index, std::span<const std::byte> payload) {
  if constexpr (I < std::variant_size_v<Message>) {
    if (index != I) return decode_alternative<I + 1>(index, payload);
    std::variant_alternative_t<I, Message> message;
    Reader reader(payload);
    visit_fields(reader, message);
    reader.expect_end();
    return message;
  } else {
    malformed("unknown message type");
  }
}

}  // namespace

std::vector<std::byte> encode(const Message& message) {
  std::vector<std::byte> out;
  Writer writer(out);
  writer(kMagic);
  writer(kVersion);
  writer(static_cast<std::uint16_t>(message.index() + 1));
  writer(std::uint32_t{0});
  std::visit([&](const auto& m) { visit_fields(writer, m); }, message);
  const std::size_t payload = out.size() - kHeaderSize;
  if (payload > kMaxPayload) {
    throw Error(ErrorCode::invalid_argument,
                std::string("a message to or from the exchange agent is too large, probably "
                            "because a batch has too many columns: ") +
                    name_of(message) + " of " + std::to_string(payload) + " bytes, at most " +
                    std::to_string(kMaxPayload));
  }
  const auto payload_size = static_cast<std::uint32_t>(payload);
  std::memcpy(out.data() + kHeaderSize - sizeof payload_size, &payload_size, sizeof payload_size);
  return out;
}

Header decode_header(std::span<const std::byte, kHeaderSize> bytes) {
  Reader reader(bytes);
  std::uint32_t magic = 0;
  std::uint16_t version = 0;
  Header header;
  reader(magic), reader(version), reader(header.type), reader(header.payload_size);
  if (magic != kMagic) malformed("the peer sent something other than a raydp message");
  if (version != kVersion) {
    malformed(
        "the peer uses another version of the protocol; install the same raydp on all nodes: " +
        std::to_string(version) + ", not " + std::to_string(kVersion));
  }
  if (header.type == 0 || header.type > std::variant_size_v<Message>) {
    malformed("unknown message type: " + std::to_string(header.type));
  }
  if (header.payload_size > kMaxPayload) {
    malformed("a message is too long: " + std::to_string(header.payload_size) + " bytes");
  }
  return header;
}

Message decode_payload(const Header& header, std::span<const std::byte> payload) {
  if (header.type == 0 || payload.size() != header.payload_size) {
    malformed("a payload does not match its header");
  }
  return decode_alternative(header.type - 1U, payload);
}

const char* name_of(const Message& message) noexcept {
  constexpr auto kNames = names_in_order(std::type_identity<Message>());
  return message.valueless_by_exception() ? "NOTHING" : kNames[message.index()];
}

void append_numbers(std::vector<std::int64_t>& numbers, std::uint64_t number) {
  numbers.push_back(static_cast<std::int64_t>(number));
}

void append_numbers(std::vector<std::int64_t>& numbers, const std::vector<ArrayNode>& nodes) {
  numbers.reserve(numbers.size() + nodes.size() * 9);
  for (const ArrayNode& node : nodes) {
    numbers.insert(numbers.end(), {node.length, node.null_count, node.n_buffers});
    for (std::uint32_t i = 0; i < node.n_buffers; ++i) {
      const BufferRange& buffer = node.buffers.at(i);
      numbers.insert(numbers.end(), {static_cast<std::int64_t>(buffer.offset),
                                     static_cast<std::int64_t>(buffer.size)});
    }
  }
}

std::vector<ArrayNode> parse_flat_nodes(std::span<const std::int64_t> numbers) {
  std::vector<ArrayNode> nodes;
  while (!numbers.empty()) {
    ArrayNode node;
    if (numbers.size() < 3 || numbers[2] < 0 || numbers[2] > std::ssize(node.buffers) ||
        std::ssize(numbers) < 3 + 2 * numbers[2]) {
      throw Error(ErrorCode::invalid_argument,
                  "the list of array nodes ends in the middle of a node, or a node has more than 3 "
                  "buffers; index of the node: " +
                      std::to_string(nodes.size()));
    }
    node.length = numbers[0];
    node.null_count = numbers[1];
    node.n_buffers = static_cast<std::uint32_t>(numbers[2]);
    for (std::size_t i = 0; i < node.n_buffers; ++i) {
      node.buffers.at(i) = {static_cast<std::uint64_t>(numbers[3 + 2 * i]),
                            static_cast<std::uint64_t>(numbers[4 + 2 * i])};
    }
    nodes.push_back(node);
    numbers = numbers.subspan(3 + 2 * std::size_t{node.n_buffers});
  }
  return nodes;
}

}  // namespace raydp
