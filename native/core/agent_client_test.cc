// The client against an agent that misbehaves.

#include "core/agent_client.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <functional>
#include <thread>

#include "core/build_id.h"
#include "core/error.h"
#include "core/testing/agent_pair.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::kPatience;

Welcome welcome() { return {.build = std::string(build_id())}; }

// An agent that admits one client and then follows a script.
class AgentClientTest : public ::testing::Test {
 protected:
  void run(const std::function<void(MessageChannel&)>& script) {
    agent_ = std::thread([this, script] {
      pollfd entry{.fd = listener_.descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&entry, 1, 20'000);
      MessageChannel channel{UnixSocket(listener_.accept())};
      channel.receive(Deadline::after(kPatience));
      script(channel);
    });
  }

  void TearDown() override {
    if (agent_.joinable()) agent_.join();
  }

  std::unique_ptr<AgentClient> connect(std::chrono::milliseconds timeout = kPatience) const {
    auto client = std::make_unique<AgentClient>();
    client->connect(path_.string(), {}, "tests", timeout);
    return client;
  }

  // How a client that reads at most 10 rows into 4096 bytes reacts to these answers.
  Error verdict_on(const std::vector<Message>& answers) {
    run([&](MessageChannel& channel) {
      channel.send(welcome(), Deadline::after(kPatience));
      for (int i = 0; i < 2; ++i) channel.receive(Deadline::after(kPatience));
      for (const Message& answer : answers) channel.send(answer, Deadline::after(kPatience));
      while (channel.receive(Deadline::after(kPatience))) {
      }
    });
    const auto client = connect();
    const std::uint32_t segment = client->create_segment(4096);
    client->request_read({.segment = segment, .max_rows = 10, .columns = {0}});
    return error_of([&] { client->await_read(kPatience); });
  }

  const testing::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "agent.sock";
  ListeningSocket listener_{path_};
  std::thread agent_;
};

TEST_F(AgentClientTest, AnAgentThatEndedIsNoticedWithoutWaiting) {
  std::atomic<bool> end = false;
  run([&](MessageChannel& channel) {
    channel.send(welcome(), Deadline::after(kPatience));
    end.wait(false);
  });
  const auto client = connect();
  EXPECT_FALSE(client->agent_gone());
  end = true;
  end.notify_all();
  agent_.join();
  EXPECT_TRUE(client->agent_gone());
}

TEST_F(AgentClientTest, BuffersOutsideTheSegmentAreRefused) {
  const ArrayNode bad{
      .length = 1, .null_count = 0, .n_buffers = 2, .buffers = {{{}, {4096, 1}, {}}}};
  EXPECT_EQ(verdict_on({Ready{.segment = 0, .rows = 1, .nodes = {bad}}}).code(),
            ErrorCode::protocol);
}

TEST_F(AgentClientTest, MoreRowsThanWantedAreRefused) {
  EXPECT_EQ(verdict_on({Ready{.segment = 0, .rows = 11, .nodes = {}}}).code(), ErrorCode::protocol);
}

TEST_F(AgentClientTest, AnswersToNothingAreRefused) {
  EXPECT_EQ(verdict_on({Ack{.segment = 0}}).code(), ErrorCode::protocol);
}

TEST_F(AgentClientTest, AnswersAboutSegmentsThatNeverWereAreRefused) {
  EXPECT_EQ(verdict_on({Grow{.segment = 1}}).code(), ErrorCode::protocol);
}

TEST_F(AgentClientTest, MessagesThatOnlyExecutorsSendAreRefused) {
  EXPECT_EQ(verdict_on({Read{.columns = {}}}).code(), ErrorCode::protocol);
}

TEST_F(AgentClientTest, AFailureOfTheConnectionSpeaksForItself) {
  const Error error = verdict_on({Failed{.segment = kNoSegment, .code = 7, .message = "no disk"}});
  EXPECT_EQ(error.code(), ErrorCode::io);
  EXPECT_STREQ(error.what(), "the exchange agent reports: no disk");
}

TEST_F(AgentClientTest, TheReasonIsFoundEvenWhenOnlySendingFails) {
  run([&](MessageChannel& channel) {
    channel.send(welcome(), Deadline::after(kPatience));
    channel.send(
        Failed{.code = static_cast<std::uint32_t>(ErrorCode::protocol), .message = "go away"},
        Deadline::after(kPatience));
    channel.shutdown();
  });
  const auto client = connect();
  agent_.join();
  const Error error = error_of([&] { client->create_segment(4096); });
  EXPECT_EQ(error.code(), ErrorCode::protocol);
  EXPECT_STREQ(error.what(), "the exchange agent reports: go away");
}

TEST_F(AgentClientTest, AnAgentThatDiesIsAClosedConnection) {
  run([&](MessageChannel& channel) {
    channel.send(welcome(), Deadline::after(kPatience));
    for (int i = 0; i < 2; ++i) channel.receive(Deadline::after(kPatience));
  });
  const auto client = connect();
  const std::uint32_t segment = client->create_segment(4096);
  client->send_block(segment, 1, 0, {});
  EXPECT_EQ(error_of([&] { client->await_accepted(kPatience); }).code(),
            ErrorCode::connection_closed);
}

TEST_F(AgentClientTest, AnAgentThatDoesNotAnswerHelloIsATimeout) {
  EXPECT_EQ(error_of([&] { connect(20ms); }).code(), ErrorCode::timeout);
}

TEST_F(AgentClientTest, AnotherAnswerToHelloIsAViolation) {
  run([&](MessageChannel& channel) { channel.send(Ack{}, Deadline::after(kPatience)); });
  EXPECT_EQ(error_of([&] { connect(); }).code(), ErrorCode::protocol);
}

TEST_F(AgentClientTest, AgentsOfAnotherBuildAreRefusedWithBothBuilds) {
  run([&](MessageChannel& channel) {
    channel.send(Welcome{.build = "0.9+0123456789abcdef"}, Deadline::after(kPatience));
  });
  const Error error = error_of([&] { connect(); });
  EXPECT_EQ(error.code(), ErrorCode::protocol);
  EXPECT_NE(std::string(error.what())
                .find("Executor: " + std::string(build_id()) + ", agent: 0.9+0123456789abcdef"),
            std::string::npos)
      << error.what();
}

TEST_F(AgentClientTest, DisconnectWakesWhoeverConnects) {
  AgentClient client;
  std::atomic<bool> said_hello = false;
  run([&](MessageChannel& channel) {
    said_hello = true;
    said_hello.notify_all();
    // The client leaves although it has no answer.
    EXPECT_FALSE(channel.receive(Deadline::after(kPatience)));
  });
  std::thread killer([&] {
    said_hello.wait(false);
    client.disconnect();
  });
  const Error error = error_of([&] { client.connect(path_.string(), {}, "tests", kPatience); });
  EXPECT_EQ(error.code(), ErrorCode::cancelled);
  killer.join();
}

TEST_F(AgentClientTest, DisconnectBeforeConnectStaysInForce) {
  run([&](MessageChannel&) {});
  AgentClient client;
  client.disconnect();
  const Error error = error_of([&] { client.connect(path_.string(), {}, "tests", kPatience); });
  EXPECT_EQ(error.code(), ErrorCode::cancelled);
}

TEST_F(AgentClientTest, DisconnectWakesWhoeverWaitsAndStaysInForce) {
  run([&](MessageChannel& channel) {
    channel.send(welcome(), Deadline::after(kPatience));
    while (channel.receive(Deadline::after(kPatience))) {
    }
  });
  const auto client = connect();
  const std::uint32_t segment = client->create_segment(4096);
  client->send_block(segment, 1, 0, {});
  std::thread killer([&] { client->disconnect(); });
  EXPECT_EQ(error_of([&] { client->await_accepted(kPatience); }).code(), ErrorCode::cancelled);
  killer.join();
  EXPECT_EQ(error_of([&] { client->create_segment(4096); }).code(), ErrorCode::cancelled);
  // The task may still write: its memory must stay mapped until the client ends.
  client->segment_memory(segment)[4095] = std::byte{1};
}

}  // namespace
}  // namespace raydp
