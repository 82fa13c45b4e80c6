#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/agent_client.h"
#include "core/agent_server.h"
#include "core/array_copy.h"
#include "core/error.h"
#include "core/testing/sample_array.h"
#include "core/testing/temporary_directory.h"

namespace raydp::testing {

inline constexpr std::chrono::milliseconds kPatience{20'000};

/// Runs `action` and returns the error that it throws; success is a test failure.
template <class Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::io, "none"};
}

/// A server in its own directory, and clients that connect to it.
class AgentPair : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }

  /// Replaces the server with one that has these options; path, token and log are set here.
  void start(AgentServer::Options options) {
    server_.reset();
    options.path = directory_.path() / "agent.sock";
    options.admission.token = token_;
    options.admission.application = "tests";
    options.log = [this](std::string_view line) {
      const std::lock_guard lock(log_mutex_);
      log_.emplace_back(line);
    };
    server_ = std::make_unique<AgentServer>(std::move(options));
  }

  std::string path() const { return (directory_.path() / "agent.sock").string(); }

  std::unique_ptr<AgentClient> connect() const {
    auto client = std::make_unique<AgentClient>();
    client->connect(path(), token_, "tests", kPatience);
    return client;
  }

  std::vector<std::string> log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  /// Waits until the server has this many connections.
  void await_connections(std::uint64_t count) {
    const Deadline deadline = Deadline::after(kPatience);
    while (server_->connections() != count && !deadline.expired()) std::this_thread::yield();
    ASSERT_EQ(server_->connections(), count);
  }

  /// A new segment that holds `rows` rows of `batch_`.
  struct Filled {
    std::uint32_t segment = 0;
    std::vector<ArrayNode> nodes;
  };
  Filled fill(AgentClient& client, std::int64_t rows = 10) const {
    Random random(99);
    const SampleArray sample(batch_, rows, random, false);
    const std::uint32_t segment = client.create_segment(1 << 16);
    return {segment, copy_rows(batch_, sample.array(), {.from = 0, .count = rows},
                               client.segment_memory(segment))};
  }

  std::uint32_t send_block(AgentClient& client, std::uint64_t export_id,
                           std::int64_t rows = 10) const {
    Filled filled = fill(client, rows);
    client.send_block(filled.segment, export_id, static_cast<std::uint64_t>(rows),
                      std::move(filled.nodes));
    return filled.segment;
  }

  /// Waits until a block is accepted and stored; returns its ACCEPTED message.
  static Accepted await_stored(AgentClient& client, std::chrono::milliseconds timeout = kPatience) {
    const Accepted accepted = client.await_accepted(timeout);
    EXPECT_EQ(client.await_ack(timeout).segment, accepted.segment);
    return accepted;
  }

  std::shared_ptr<ExportedBlock> next(std::uint64_t export_id) const {
    return server_->exports().next(export_id, Deadline::after(kPatience));
  }

  const TemporaryDirectory directory_;
  const Token token_{1, 2, 3};
  const Field batch_ = make_batch({make_field("number", "l"), make_field("text", "u")});
  std::mutex log_mutex_;
  std::vector<std::string> log_;
  std::unique_ptr<AgentServer> server_;
};

}  // namespace raydp::testing
