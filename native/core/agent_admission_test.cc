// Who may connect, and what happens to peers that violate the protocol.

#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "core/build_id.h"
#include "core/testing/agent_pair.h"
#include "core/testing/other_files.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::kPatience;

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

class AgentAdmission : public testing::AgentPair {
 protected:
  // A peer that can send anything.
  UnixSocket intruder() const { return UnixSocket::connect(path(), Deadline::after(kPatience)); }

  Hello hello() const {
    return {.build = std::string(build_id()), .token = token_, .application = "tests"};
  }

  void admit(MessageChannel& channel) const {
    channel.send(hello(), Deadline::after(kPatience));
    EXPECT_TRUE(
        std::holds_alternative<Welcome>(channel.receive(Deadline::after(kPatience))->message));
  }

  // The last message before the server disconnects.
  static std::optional<Message> last_word(MessageChannel& channel) {
    std::optional<Message> last;
    while (auto received = channel.receive(Deadline::after(kPatience)))
      last = std::move(received->message);
    return last;
  }

  static Error refused(const std::string& path, const Token& token,
                       const std::string& application) {
    return error_of([&] { AgentClient().connect(path, token, application, kPatience); });
  }

  // Checks that the server still works afterwards.
  void expect_healthy() {
    await_connections(0);
    server_->exports().open(next_export_id_, batch_);
    auto client = connect();
    send_block(*client, next_export_id_);
    next(next_export_id_++)->ack();
    await_stored(*client);
    client.reset();
    await_connections(0);
  }

  std::uint64_t next_export_id_ = 1000;
};

TEST_F(AgentAdmission, WrongTokensAndApplicationsAreRefusedAndLogged) {
  Token wrong = token_;
  wrong.back() ^= 1;
  EXPECT_EQ(refused(path(), wrong, "tests").code(), ErrorCode::unauthorized);
  EXPECT_EQ(refused(path(), token_, "other").code(), ErrorCode::unauthorized);
  server_->close();
  ASSERT_EQ(log().size(), 2U);
  for (const std::string& line : log()) {
    EXPECT_NE(
        line.find("pid " + std::to_string(::getpid()) + ", uid " + std::to_string(::geteuid())),
        std::string::npos);
  }
}

TEST_F(AgentAdmission, ExecutorsOfAnotherBuildAreRefusedWithBothBuilds) {
  MessageChannel stranger(intruder());
  Hello other = hello();
  other.build = "0.9+0123456789abcdef";
  stranger.send(other, Deadline::after(kPatience));
  const auto reason = std::get<Refused>(*last_word(stranger)).reason;
  EXPECT_NE(reason.find("install the same raydp on every node"), std::string::npos) << reason;
  EXPECT_NE(reason.find("Executor: " + other.build + ", agent: " + std::string(build_id())),
            std::string::npos)
      << reason;
  expect_healthy();
  EXPECT_EQ(log().size(), 1U);
}

TEST_F(AgentAdmission, PeersThatDoNotSayHelloAreDisconnected) {
  AgentServer::Options options;
  options.admission.hello_timeout = 20ms;
  start(std::move(options));
  MessageChannel silent(intruder());
  EXPECT_TRUE(std::holds_alternative<Refused>(*last_word(silent)));
  MessageChannel rude(intruder());
  rude.send(DropSegment{}, Deadline::after(kPatience));
  EXPECT_TRUE(std::holds_alternative<Refused>(*last_word(rude)));
  expect_healthy();
}

TEST_F(AgentAdmission, PeersThatLeaveWithoutAWordAreNotLogged) {
  intruder();
  expect_healthy();
  server_->close();
  EXPECT_TRUE(log().empty());
}

TEST_F(AgentAdmission, ConnectionsAreLimited) {
  AgentServer::Options options;
  options.max_connections = 2;
  start(std::move(options));
  auto first = connect();
  const auto second = connect();
  EXPECT_NE(std::string(refused(path(), token_, "tests").what()).find("limit"), std::string::npos);
  first.reset();
  await_connections(1);
}

TEST_F(AgentAdmission, SegmentsAreLimited) {
  auto client = connect();
  for (int i = 0; i < 64; ++i) client->create_segment(4096);
  client->create_segment(4096);
  await_connections(0);
  EXPECT_EQ(error_of([&] { client->create_segment(4096); }).code(), ErrorCode::protocol);
  client.reset();
  EXPECT_EQ(server_->memory().segments, 0U);
  expect_healthy();
}

TEST_F(AgentAdmission, ViolationsEndTheConnectionWithTheReason) {
  const std::vector<std::vector<Message>> violations{
      {Welcome{}},
      {Ack{}},
      {Ready{}},
      {Hello{}},
      {DropSegment{.segment = 1}},
      {Block{.segment = 1}},
      {Read{.segment = 1}},
      {SegmentOffer{.segment = 1, .size = 8192}},           // more than the file has
      {SegmentOffer{.segment = kNoSegment, .size = 4096}},  // reserved
      {SegmentOffer{.segment = 1, .size = 4096}, SegmentOffer{.segment = 1, .size = 4096}},
      {SegmentOffer{.segment = 1, .size = 4096}, Read{.segment = 1}, Read{.segment = 1}},
      {SegmentOffer{.segment = 1, .size = 4096}, Block{.segment = 1, .export_id = 1},
       Read{.segment = 1}},
  };
  server_->exports().open(1, testing::make_batch({}));
  const FileDescriptor file = create_segment_file(4096);
  for (const auto& messages : violations) {
    MessageChannel channel(intruder());
    admit(channel);
    for (const Message& message : messages) {
      const bool offer = std::holds_alternative<SegmentOffer>(message);
      channel.send(message, Deadline::after(kPatience), offer ? file.get() : -1);
    }
    const std::optional<Message> last = last_word(channel);
    const auto* failed = last ? std::get_if<Failed>(&*last) : nullptr;
    ASSERT_NE(failed, nullptr) << name_of(messages.back());
    EXPECT_EQ(failed->segment, kNoSegment) << name_of(messages.back());
    EXPECT_EQ(failed->code, static_cast<std::uint32_t>(ErrorCode::protocol));
  }
  expect_healthy();
  EXPECT_EQ(log().size(), violations.size());
  // The block that was accepted before its writer violated the protocol.
  EXPECT_EQ(server_->memory().segments, 1U);
  server_->exports().abort(1, "enough");
  EXPECT_EQ(server_->memory().segments, 0U);
}

TEST_F(AgentAdmission, OtherFilesThanSegmentsAreRefused) {
  const ArrayNode node{
      .length = 3, .null_count = 0, .n_buffers = 2, .buffers = {{{}, {64, 24}, {}}}};
  server_->exports().open(1, testing::make_batch({testing::make_field("number", "l")}));
  const testing::TemporaryDirectory folder;
  for (const auto& [kind, file] : testing::other_files(folder.path().string())) {
    MessageChannel channel(intruder());
    admit(channel);
    try {
      channel.send(SegmentOffer{.segment = 1, .size = testing::kOtherFileSize},
                   Deadline::after(kPatience), file.get());
      // The agent reads the memory when a block comes.
      channel.send(Block{.segment = 1, .export_id = 1, .rows = 3, .nodes = {node}},
                   Deadline::after(kPatience));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::connection_closed) << kind;
    }
    const std::optional<Message> last = last_word(channel);
    ASSERT_TRUE(last.has_value()) << kind;
    EXPECT_TRUE(std::holds_alternative<Failed>(*last)) << kind;
  }
  expect_healthy();
  EXPECT_EQ(server_->memory().segments, 0U);
}

// Does to a whole server what libFuzzer does to the decoder: random bytes, and valid conversations
// with a few changed bytes.
TEST_F(AgentAdmission, RandomBytesHurtNobodyAndLeakNothing) {
  const std::ptrdiff_t before = open_descriptors();
  std::mt19937 random(5);
  const FileDescriptor file = create_segment_file(4096);
  const ArrayNode node{
      .length = 3, .null_count = 0, .n_buffers = 2, .buffers = {{{}, {64, 24}, {}}}};
  server_->exports().open(1, testing::make_batch({testing::make_field("number", "l")}));
  for (int round = 0; round < 300; ++round) {
    std::vector<std::byte> bytes = encode(hello());
    const std::size_t hello = bytes.size();
    for (const Message& message :
         {Message(SegmentOffer{.segment = 0, .size = 4096}),
          Message(Block{.segment = 0, .export_id = 1, .rows = 3, .nodes = {node}}),
          Message(DropSegment{.segment = 0}), Message(Read{.segment = 0, .columns = {1}})}) {
      const auto more = encode(message);
      bytes.insert(bytes.end(), more.begin(), more.end());
    }
    // One round in three sends noise from the start; in the others the handshake succeeds.
    const std::size_t from = round % 3 == 0 ? 0 : hello;
    for (auto i = random() % 4 + (from == 0 ? 20 : 0); i > 0; --i) {
      bytes[from + random() % (bytes.size() - from)] = static_cast<std::byte>(random());
    }
    UnixSocket socket = intruder();
    try {
      socket.send(std::span(bytes).first(hello), -1, Deadline::after(kPatience));
      socket.send(std::span(bytes).subspan(hello), file.get(), Deadline::after(kPatience));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::connection_closed);
    }
    socket.shutdown();
  }
  expect_healthy();
  server_->exports().abort(1, "done");
  expect_healthy();
  server_->close();
  EXPECT_EQ(server_->memory().segments, 0U);
  EXPECT_EQ(open_descriptors(), before);  // one more for `file`, one less for the listener
}

}  // namespace
}  // namespace raydp
