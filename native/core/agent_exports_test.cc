// Blocks that executors send to the agent.

#include <atomic>
#include <thread>

#include "core/testing/agent_pair.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::kPatience;

using AgentExports = testing::AgentPair;

TEST_F(AgentExports, ABlockArrivesAndItsAcknowledgementComesBack) {
  server_->exports().open(7, batch_);
  auto client = connect();
  EXPECT_EQ(server_->connections(), 1U);
  const std::uint32_t segment = send_block(*client, 7, 25);
  const auto block = next(7);
  EXPECT_EQ(block->rows(), 25U);
  EXPECT_EQ(block->export_id(), 7U);
  ArrowArray array{};
  block->export_to(&array);
  EXPECT_EQ(array.length, 25);
  array.release(&array);
  EXPECT_EQ(client->await_accepted(kPatience), (Accepted{.segment = segment, .index = 0}));
  EXPECT_EQ(error_of([&] { client->await_ack(10ms); }).code(), ErrorCode::timeout);
  block->ack();
  block->ack();
  EXPECT_EQ(client->await_ack(kPatience), Ack{.segment = segment});
  EXPECT_EQ(error_of([&] { block->export_to(&array); }).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([&] { await_stored(*client, 10ms); }).code(), ErrorCode::invalid_argument);
}

TEST_F(AgentExports, SegmentsAreReused) {
  server_->exports().open(1, batch_);
  auto client = connect();
  auto filled = fill(*client);
  for (std::uint64_t i = 0; i < 100; ++i) {
    client->send_block(filled.segment, 1, 10, filled.nodes);
    EXPECT_EQ(error_of([&] { client->send_block(filled.segment, 1, 10, filled.nodes); }).code(),
              ErrorCode::invalid_argument);
    next(1)->ack();
    EXPECT_EQ(await_stored(*client).index, i);
  }
  EXPECT_EQ(server_->memory().segments, 1U);
  client->drop_segment(filled.segment);
  EXPECT_EQ(client->memory().segments, 0U);
  EXPECT_EQ(error_of([&] { client->drop_segment(filled.segment); }).code(),
            ErrorCode::invalid_argument);
}

TEST_F(AgentExports, FinishedMeansNothingMoreOnceTheQueueIsEmpty) {
  server_->exports().open(1, batch_);
  server_->exports().open(2, batch_);
  auto client = connect();
  send_block(*client, 1);
  send_block(*client, 2);
  next(2)->ack();  // the block before it is in its queue now
  server_->exports().finish(1);
  next(1)->ack();
  EXPECT_EQ(next(1), nullptr);
  EXPECT_EQ(next(1), nullptr);
  for (int i = 0; i < 2; ++i) client->await_accepted(kPatience);
  for (int i = 0; i < 2; ++i) client->await_ack(kPatience);
  send_block(*client, 1);
  const Error late = error_of([&] { await_stored(*client); });
  EXPECT_EQ(late.code(), ErrorCode::cancelled);
  EXPECT_NE(std::string(late.what()).find("is finished"), std::string::npos);
}

TEST_F(AgentExports, ABlockThatIsDroppedFailsItsWriter) {
  server_->exports().open(1, batch_);
  auto client = connect();
  const std::uint32_t segment = send_block(*client, 1);
  next(1).reset();
  EXPECT_EQ(error_of([&] { await_stored(*client); }).code(), ErrorCode::remote_failed);
  // The agent may still read the block, so its memory must not be written again.
  EXPECT_EQ(error_of([&] { client->send_block(segment, 1, 0, {}); }).code(),
            ErrorCode::invalid_argument);
  client->drop_segment(segment);
}

TEST_F(AgentExports, AnAbortFailsQueuedTakenAndLaterBlocksAndTheConsumer) {
  server_->exports().open(1, batch_);
  auto client = connect();
  send_block(*client, 1);
  const auto taken = next(1);
  send_block(*client, 1);
  server_->exports().abort(1, "the job was cancelled");
  server_->exports().abort(1, "again");
  for (int i = 0; i < 2; ++i) {
    const Error failure = error_of([&] { await_stored(*client); });
    EXPECT_EQ(failure.code(), ErrorCode::cancelled);
    EXPECT_NE(std::string(failure.what()).find("the job was cancelled"), std::string::npos);
  }
  taken->ack();  // too late: has no effect
  EXPECT_EQ(error_of([&] { next(1); }).code(), ErrorCode::cancelled);
  EXPECT_EQ(error_of([&] { server_->exports().open(1, batch_); }).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(client->memory().segments, 2U);
}

TEST_F(AgentExports, AnAbortWakesAWaitingConsumer) {
  server_->exports().open(1, batch_);
  std::thread consumer([&] { EXPECT_EQ(error_of([&] { next(1); }).code(), ErrorCode::cancelled); });
  server_->exports().abort(1, "enough");
  consumer.join();
}

TEST_F(AgentExports, WaitsEndAtTheirDeadline) {
  server_->exports().open(1, batch_);
  EXPECT_EQ(error_of([&] { server_->exports().next(1, Deadline::after(10ms)); }).code(),
            ErrorCode::timeout);
  EXPECT_EQ(error_of([&] { next(2); }).code(), ErrorCode::invalid_argument);
  auto client = connect();
  send_block(*client, 1);
  EXPECT_EQ(client->await_accepted(kPatience).index, 0U);
  EXPECT_EQ(error_of([&] { client->await_ack(10ms); }).code(), ErrorCode::timeout);
  next(1)->ack();
  client->await_ack(kPatience);
}

TEST_F(AgentExports, ABlockWaitsForItsExportToBeOpened) {
  auto client = connect();
  send_block(*client, 5);
  EXPECT_EQ(error_of([&] { await_stored(*client, 20ms); }).code(), ErrorCode::timeout);
  server_->exports().open(5, batch_);
  next(5)->ack();
  EXPECT_EQ(await_stored(*client).index, 0U);
}

TEST_F(AgentExports, AnExportThatIsNeverOpenedFailsItsBlocks) {
  AgentServer::Options options;
  options.open_grace = 20ms;
  start(std::move(options));
  auto client = connect();
  send_block(*client, 5);
  EXPECT_EQ(error_of([&] { await_stored(*client); }).code(), ErrorCode::invalid_argument);
}

TEST_F(AgentExports, FinishingWhatWasNeverOpenedFailsWhatWaits) {
  auto client = connect();
  send_block(*client, 5);
  EXPECT_EQ(error_of([&] { await_stored(*client, 20ms); }).code(), ErrorCode::timeout);
  server_->exports().finish(5);
  EXPECT_EQ(error_of([&] { await_stored(*client); }).code(), ErrorCode::cancelled);
  EXPECT_EQ(next(5), nullptr);
}

TEST_F(AgentExports, ManyExportsAreForgottenOldestFirst) {
  for (std::uint64_t export_id = 0; export_id < 1500; ++export_id) {
    server_->exports().open(export_id, batch_);
    server_->exports().finish(export_id);
  }
  EXPECT_EQ(next(1499), nullptr);
  EXPECT_EQ(error_of([&] { next(0); }).code(), ErrorCode::invalid_argument);
}

TEST_F(AgentExports, AnAbortBeforeTheOpeningFailsWhatWaits) {
  auto client = connect();
  send_block(*client, 5);
  EXPECT_EQ(error_of([&] { await_stored(*client, 20ms); }).code(), ErrorCode::timeout);
  server_->exports().abort(5, "never mind");
  EXPECT_EQ(error_of([&] { await_stored(*client); }).code(), ErrorCode::cancelled);
}

TEST_F(AgentExports, ABlockThatLeavesItsSegmentEndsTheConnectionAndIsLogged) {
  server_->exports().open(1, batch_);
  auto client = connect();
  auto filled = fill(*client);
  filled.nodes[1].buffers[2].offset = 1ULL << 40U;
  client->send_block(filled.segment, 1, 10, filled.nodes);
  const Error failure = error_of([&] { await_stored(*client); });
  EXPECT_EQ(failure.code(), ErrorCode::protocol);
  EXPECT_NE(std::string(failure.what()).find("column text"), std::string::npos);
  await_connections(0);
  EXPECT_EQ(error_of([&] { client->create_segment(4096); }).code(), ErrorCode::protocol);
  server_->close();
  ASSERT_EQ(log().size(), 1U);
  EXPECT_NE(log()[0].find("column text"), std::string::npos);
  EXPECT_NE(log()[0].find("pid " + std::to_string(::getpid())), std::string::npos);
}

TEST_F(AgentExports, AnEarlyBlockIsCheckedWhenItsExportOpens) {
  auto client = connect();
  auto filled = fill(*client);
  filled.nodes[0].length = -1;
  client->send_block(filled.segment, 1, 10, filled.nodes);
  EXPECT_EQ(error_of([&] { await_stored(*client, 20ms); }).code(), ErrorCode::timeout);
  server_->exports().open(1, batch_);
  EXPECT_EQ(error_of([&] { await_stored(*client); }).code(), ErrorCode::protocol);
  await_connections(0);
}

TEST_F(AgentExports, AcceptedBlocksOutliveTheirConnectionAndKeepTheirPlace) {
  server_->exports().open(1, batch_);
  auto kept = connect();
  auto gone = connect();
  send_block(*gone, 1, 1);
  EXPECT_EQ(gone->await_accepted(kPatience).index, 0U);
  const auto taken = next(1);
  gone->drop_segment(send_block(*gone, 1, 2));
  gone.reset();
  await_connections(1);
  ArrowArray array{};
  taken->export_to(&array);
  EXPECT_FALSE(testing::render(batch_, array, 0).empty());
  taken->ack();
  send_block(*kept, 1, 3);
  EXPECT_EQ(kept->await_accepted(kPatience).index, 2U);
  EXPECT_EQ(next(1)->rows(), 2U);
  EXPECT_EQ(next(1)->rows(), 3U);
  array.release(&array);
  kept.reset();
  await_connections(0);
}

TEST_F(AgentExports, ClosingFailsEveryoneAndForgetsEverything) {
  server_->exports().open(1, batch_);
  auto client = connect();
  send_block(*client, 1);
  auto taken = next(1);
  std::thread consumer([&] { EXPECT_EQ(error_of([&] { next(1); }).code(), ErrorCode::cancelled); });
  server_->close();
  server_->close();
  consumer.join();
  const ErrorCode code = error_of([&] { await_stored(*client); }).code();
  EXPECT_EQ(code, ErrorCode::cancelled);
  EXPECT_EQ(server_->connections(), 0U);
  EXPECT_EQ(server_->memory().segments, 1U);
  taken.reset();
  EXPECT_EQ(server_->memory().segments, 0U);
  EXPECT_EQ(error_of([&] { connect(); }).code(), ErrorCode::connection_refused);
  EXPECT_EQ(error_of([&] { server_->exports().open(2, batch_); }).code(), ErrorCode::cancelled);
  EXPECT_TRUE(log().empty());
}

// Many writers, consumers on two threads; one writer in four dies in the middle.
TEST_F(AgentExports, ManyWritersAndConsumersAtOnce) {
  constexpr int kWriters = 8;
  constexpr std::uint64_t kBlocks = 40;
  server_->exports().open(1, batch_);
  std::atomic<std::uint64_t> acknowledged{0};
  std::vector<std::thread> consumers;
  for (int consumer = 0; consumer < 2; ++consumer) {
    consumers.emplace_back([&] {
      while (const auto block = next(1)) {
        ArrowArray array{};
        block->export_to(&array);
        EXPECT_EQ(array.length, static_cast<std::int64_t>(block->rows()));
        block->ack();
        array.release(&array);
      }
    });
  }
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      auto client = connect();
      const Filled slots[] = {fill(*client), fill(*client)};
      std::size_t slot = 0;
      for (std::uint64_t i = 0; i < kBlocks; ++i) {
        if (i >= 2) {
          // Two consumers: the later block may be acknowledged first.
          slot = client->await_ack(kPatience).segment == slots[0].segment ? 0 : 1;
          ++acknowledged;
        }
        if (writer % 4 == 3 && i == kBlocks / 2) return;
        client->send_block(slots[slot].segment, 1, 10, slots[slot].nodes);
        EXPECT_EQ(client->await_accepted(kPatience).segment, slots[slot].segment);
        slot = 1;
      }
      for (int i = 0; i < 2; ++i) client->await_ack(kPatience), ++acknowledged;
    });
  }
  for (std::thread& writer : writers) writer.join();
  await_connections(0);
  server_->exports().finish(1);
  for (std::thread& consumer : consumers) consumer.join();
  EXPECT_EQ(acknowledged, kWriters * 3 / 4 * kBlocks + kWriters / 4 * (kBlocks / 2 - 1));
  server_->close();
  EXPECT_EQ(server_->memory().segments, 0U);
  EXPECT_EQ(server_->memory().bytes, 0U);
}

}  // namespace
}  // namespace raydp
