#include "core/message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/error.h"

namespace raydp {
namespace {

// Gives each field of a message a value that no field before it has.
class Filler {
 public:
  template <class T>
  requires std::is_integral_v<T>
  void operator()(T& value) { value = static_cast<T>(++last_); }
  void operator()(Token& token) { token.fill(static_cast<std::uint8_t>(++last_)); }
  void operator()(std::string& text) { text = "text " + std::to_string(++last_); }
  void operator()(std::vector<std::uint32_t>& values) { values = {++last_, ++last_}; }
  void operator()(std::vector<ArrayNode>& nodes) {
    nodes = {{.length = 3, .null_count = -1, .n_buffers = 2, .buffers = {{{}, {64, ++last_}, {}}}},
             {.length = 0, .null_count = 0, .n_buffers = 0}};
  }

 private:
  std::uint32_t last_ = 0;
};

template <std::size_t... I>
std::vector<Message> one_of_each(std::index_sequence<I...>) {
  const auto filled = []<class M>(M message) {
    Filler fill;
    std::apply([&](auto... field) { (fill(message.*field), ...); }, M::kFields);
    return Message(std::move(message));
  };
  return {filled(std::variant_alternative_t<I, Message>{})...};
}

std::vector<Message> one_of_each() {
  return one_of_each(std::make_index_sequence<std::variant_size_v<Message>>());
}

std::span<const std::byte, kHeaderSize> header_of(const std::vector<std::byte>& bytes) {
  return std::span(bytes).first<kHeaderSize>();
}

Message decode(const std::vector<std::byte>& bytes) {
  return decode_payload(decode_header(header_of(bytes)), std::span(bytes).subspan(kHeaderSize));
}

ErrorCode code_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::io;
}

TEST(Message, EveryTypeRoundTrips) {
  const std::vector<Message> messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i);
    const std::vector<std::byte> bytes = encode(messages[i]);
    EXPECT_EQ(decode_header(header_of(bytes)).type, i + 1);
    EXPECT_EQ(decode(bytes), messages[i]) << name_of(messages[i]);
  }
}

// Takes the place of one field of a message in braces.
struct Anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <class M, std::size_t... I>
constexpr bool has_fields(std::index_sequence<I...>) {
  return requires { M{(static_cast<void>(I), Anything{})...}; };
}

template <class... M>
constexpr bool lists_all_fields(std::type_identity<std::variant<M...>>) {
  return (!has_fields<M>(std::make_index_sequence<std::tuple_size_v<decltype(M::kFields)> + 1>()) &&
          ...);
}

// A field that is not listed would not be sent.
static_assert(has_fields<Welcome>(std::make_index_sequence<1>()));
static_assert(!has_fields<Welcome>(std::make_index_sequence<2>()));
static_assert(has_fields<Hello>(std::make_index_sequence<3>()));
static_assert(lists_all_fields(std::type_identity<Message>()));

TEST(Message, LayoutIsWhatTheProtocolSays) {
  const std::vector<std::byte> bytes = encode(DropSegment{.segment = 0x01020304});
  const std::vector<int> expected{'R', 'Y', 'D', 'P', 2, 0, 5, 0, 4, 0, 0, 0, 4, 3, 2, 1};
  ASSERT_EQ(bytes.size(), expected.size());
  for (std::size_t i = 0; i < bytes.size(); ++i)
    EXPECT_EQ(static_cast<int>(bytes[i]), expected[i]) << i;
}

TEST(Message, NoPrefixAndNoExtensionIsAMessage) {
  for (const Message& message : one_of_each()) {
    const std::vector<std::byte> bytes = encode(message);
    const std::uint16_t type = decode_header(header_of(bytes)).type;
    std::vector<std::byte> payload(bytes.begin() + kHeaderSize, bytes.end());
    payload.emplace_back();
    for (std::size_t size = 0; size <= payload.size(); ++size) {
      if (size == payload.size() - 1) continue;
      const Header header{.type = type, .payload_size = static_cast<std::uint32_t>(size)};
      EXPECT_EQ(code_of([&] { decode_payload(header, std::span(payload).first(size)); }),
                ErrorCode::protocol)
          << name_of(message) << " " << size;
    }
  }
}

TEST(Message, HeadersAreChecked) {
  const std::vector<std::byte> good = encode(Welcome{});
  for (const std::size_t index : std::initializer_list<std::size_t>{0, 4, 6, 7, 11}) {
    std::vector<std::byte> bad = good;
    bad[index] ^= std::byte{0xF0};
    EXPECT_EQ(code_of([&] { decode_header(header_of(bad)); }), ErrorCode::protocol) << index;
  }
  std::vector<std::byte> no_type = good;
  no_type[6] = std::byte{0};
  EXPECT_EQ(code_of([&] { decode_header(header_of(no_type)); }), ErrorCode::protocol);
  EXPECT_EQ(code_of([&] { decode_payload(Header{}, {}); }), ErrorCode::protocol);
}

TEST(Message, CountsAreCheckedBeforeAnythingIsAllocated) {
  for (const Message& message : {Message(Block{}), Message(Read{}), Message(Refused{})}) {
    std::vector<std::byte> bytes = encode(message);
    std::memset(bytes.data() + bytes.size() - 4, 0xFF, 4);
    EXPECT_EQ(code_of([&] { decode(bytes); }), ErrorCode::protocol) << name_of(message);
  }
}

TEST(Message, ANodeHasAtMostThreeBuffers) {
  std::vector<std::byte> bytes = encode(Block{.nodes = {ArrayNode{}}});
  bytes[bytes.size() - 4] = std::byte{4};
  EXPECT_EQ(code_of([&] { decode(bytes); }), ErrorCode::protocol);
}

TEST(Message, TooLargeIsRefusedBeforeItIsSent) {
  EXPECT_EQ(code_of([] { encode(Refused{.reason = std::string(kMaxPayload, 'x')}); }),
            ErrorCode::invalid_argument);
}

TEST(Message, MutatedBytesDecodeOrThrow) {
  std::mt19937 random(42);
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    for (const Message& message : one_of_each()) {
      std::vector<std::byte> bytes = encode(message);
      for (int i = 0; i < 2; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      try {
        // An accepted payload equals the encoding of its message.
        EXPECT_EQ(encode(decode(bytes)), bytes);
        ++accepted;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::protocol);
      }
    }
  }
  EXPECT_GT(accepted, 0U);
}

TEST(FlatNodes, RoundTrip) {
  const std::vector<ArrayNode> nodes{
      {.length = 3, .null_count = -1, .n_buffers = 2, .buffers = {{{}, {64, 24}, {}}}},
      {.length = 0, .null_count = 0, .n_buffers = 0}};
  std::vector<std::int64_t> numbers;
  append_numbers(numbers, nodes);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{3, -1, 2, -1, 0, 64, 24, 0, 0, 0}));
  EXPECT_EQ(parse_flat_nodes(numbers), nodes);
  EXPECT_TRUE(parse_flat_nodes({}).empty());
}

TEST(FlatNodes, FollowTheOtherNumbersOfAMessage) {
  std::vector<std::int64_t> numbers{0};
  append_numbers(numbers, Ready{.segment = 1,
                                .from_row = 2,
                                .rows = 3,
                                .total_rows = 4,
                                .nodes = {{.length = 5, .null_count = 6, .n_buffers = 0}}});
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 0}));
}

TEST(FlatNodes, MalformedListsAreRefused) {
  for (const std::vector<std::int64_t>& bad : {std::vector<std::int64_t>{1},
                                               {1, 0},
                                               {1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0},
                                               {1, 0, -1},
                                               {1, 0, 1, 5},
                                               {1, 0, 0, 7},
                                               {1, 0, INT64_MAX}}) {
    EXPECT_EQ(code_of([&] { parse_flat_nodes(bad); }), ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace raydp
