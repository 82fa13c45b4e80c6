// Rows that the agent sends to executors.

#include <atomic>
#include <thread>
#include <variant>

#include "core/array_layout.h"
#include "core/testing/agent_pair.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::kPatience;

class AgentReads : public testing::AgentPair {
 protected:
  static Read request(std::uint32_t segment, std::uint64_t from = 0, std::uint64_t most = 1000) {
    return {.segment = segment,
            .dataset = 4,
            .block = 2,
            .from_row = from,
            .max_rows = most,
            .columns = {1, 5}};
  }

  static Ready await_rows(AgentClient& client) {
    return std::get<Ready>(client.await_read(kPatience));
  }

  std::unique_ptr<ReadRequest> next_read() {
    return server_->reads().next(Deadline::after(kPatience));
  }

  testing::Random random_{17};
  const testing::SampleArray sample_{batch_, 100, random_, false};
};

TEST_F(AgentReads, RowsArriveInPieces) {
  auto client = connect();
  const std::uint32_t segment = client->create_segment(512);
  std::uint64_t row = 0;
  while (row < 100) {
    client->request_read(request(segment, row));
    const auto wanted = next_read();
    EXPECT_EQ(wanted->read(), request(segment, row));
    const std::int64_t sent =
        wanted->reply(batch_, sample_.array(), static_cast<std::int64_t>(row), 100);
    const Ready reply = await_rows(*client);
    EXPECT_EQ(reply.rows, static_cast<std::uint64_t>(sent));
    EXPECT_EQ(reply.from_row, row);
    EXPECT_EQ(reply.total_rows, 100U);
    ASSERT_GT(reply.rows, 0U);
    check_nodes(batch_, reply.rows, reply.nodes, client->segment_memory(segment));
    row += reply.rows;
  }
  EXPECT_EQ(row, 100U);
}

TEST_F(AgentReads, NeverMoreRowsThanWereAskedFor) {
  auto client = connect();
  const std::uint32_t segment = client->create_segment(1 << 20);
  client->request_read(request(segment, 10, 7));
  EXPECT_EQ(next_read()->reply(batch_, sample_.array(), 10, 100), 7);
  EXPECT_EQ(await_rows(*client).rows, 7U);
  client->request_read(request(segment, 100, 7));
  EXPECT_EQ(next_read()->reply(batch_, sample_.array(), 100, 100), 0);
  EXPECT_EQ(await_rows(*client).rows, 0U);
}

TEST_F(AgentReads, ASegmentTooSmallForOneRowAsksForALargerOne) {
  auto client = connect();
  const std::uint32_t segment = client->create_segment(100);
  client->request_read(request(segment));
  EXPECT_EQ(next_read()->reply(batch_, sample_.array(), 0, 100), 0);
  const auto grow = std::get<Grow>(client->await_read(kPatience));
  EXPECT_EQ(grow.segment, segment);
  EXPECT_GT(grow.needed, 100U);
  const std::uint32_t larger = client->create_segment(grow.needed);
  client->drop_segment(segment);
  client->request_read(request(larger));
  EXPECT_EQ(next_read()->reply(batch_, sample_.array(), 0, 100), 1);
  EXPECT_EQ(await_rows(*client).rows, 1U);
}

TEST_F(AgentReads, RowsWithoutColumns) {
  auto client = connect();
  Read none = request(client->create_segment(1));
  none.columns = {};
  client->request_read(none);
  const Field empty = testing::make_batch({});
  const testing::SampleArray rows(empty, 42, random_, false);
  EXPECT_EQ(next_read()->reply(empty, rows.array(), 0, 42), 42);
  const Ready reply = await_rows(*client);
  EXPECT_EQ(reply.rows, 42U);
  EXPECT_TRUE(reply.nodes.empty());
}

TEST_F(AgentReads, MistakesOfTheAgentLeaveTheRequestOpen) {
  auto client = connect();
  client->request_read(request(client->create_segment(4096)));
  const auto wanted = next_read();
  const Field one = testing::make_batch({testing::make_field("number", "l")});
  const testing::SampleArray other(one, 10, random_, false);
  EXPECT_EQ(error_of([&] { wanted->reply(one, other.array(), 0, 10); }).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(error_of([&] { wanted->reply(batch_, other.array(), 0, 10); }).code(),
            ErrorCode::invalid_argument);
  for (const std::int64_t from : {-1, 101}) {
    EXPECT_EQ(error_of([&] { wanted->reply(batch_, sample_.array(), from, 100); }).code(),
              ErrorCode::invalid_argument);
  }
  wanted->fail("the block is lost");
  wanted->fail("again");
  EXPECT_EQ(error_of([&] { wanted->reply(batch_, sample_.array(), 0, 100); }).code(),
            ErrorCode::invalid_argument);
  const Error failure = error_of([&] { client->await_read(kPatience); });
  EXPECT_EQ(failure.code(), ErrorCode::remote_failed);
  EXPECT_NE(std::string(failure.what()).find("the block is lost"), std::string::npos);
}

TEST_F(AgentReads, AFailureDuringACopyDoesNotLetTheReaderReuseTheSegment) {
  constexpr std::int64_t kRows = 8 << 20;
  const Field one = testing::make_batch({testing::make_field("number", "l")});
  const std::vector<std::int64_t> values(kRows, -1);
  const void* buffers[] = {nullptr, values.data()};
  ArrowArray column = testing::array_of(kRows, 0, buffers);
  ArrowArray* columns[] = {&column};
  const ArrowArray large = testing::array_of(kRows, 0, std::span(buffers).first<1>(), columns);
  auto client = connect();
  const std::uint32_t segment = client->create_segment(kRows * sizeof(std::int64_t));
  client->request_read({.segment = segment, .max_rows = kRows, .columns = {0}});
  const auto wanted = next_read();
  std::thread copying(
      [&] { EXPECT_NO_THROW(EXPECT_EQ(wanted->reply(one, large, 0, kRows), kRows)); });
  const std::span<const std::byte> memory = client->segment_memory(segment);
  // Not the first bytes, which memcpy may write last.
  while (std::atomic_ref(const_cast<std::byte&>(memory[1 << 20])).load() == std::byte{0}) {
    std::this_thread::yield();
  }
  wanted->fail("too late");
  EXPECT_EQ(await_rows(*client).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(memory.back(), std::byte{0xFF});
  copying.join();
}

TEST_F(AgentReads, ADamagedBlockIsAnAnswer) {
  const Field text = testing::make_batch({testing::make_field("text", "u")});
  const std::vector<std::int32_t> offsets{0, 6, 2, 6};
  const void* buffers[] = {nullptr, offsets.data(), "abcdef"};
  ArrowArray column = testing::array_of(3, 0, buffers);
  ArrowArray* columns[] = {&column};
  const ArrowArray damaged = testing::array_of(3, 0, std::span(buffers).first<1>(), columns);
  auto client = connect();
  client->request_read({.segment = client->create_segment(4096), .max_rows = 3, .columns = {0}});
  const auto wanted = next_read();
  EXPECT_EQ(error_of([&] { wanted->reply(text, damaged, 0, 3); }).code(),
            ErrorCode::invalid_argument);
  EXPECT_NE(std::string(error_of([&] { client->await_read(kPatience); }).what()).find("damaged"),
            std::string::npos);
}

TEST_F(AgentReads, AFailedReadLeavesItsSegmentUsable) {
  auto client = connect();
  const std::uint32_t segment = client->create_segment(1 << 16);
  client->request_read(request(segment));
  next_read().reset();
  EXPECT_EQ(error_of([&] { client->await_read(kPatience); }).code(), ErrorCode::remote_failed);
  client->request_read(request(segment));
  next_read()->reply(batch_, sample_.array(), 0, 100);
  EXPECT_EQ(await_rows(*client).rows, 100U);
}

TEST_F(AgentReads, RequestsOfAnExecutorThatIsGoneAreForgotten) {
  auto gone = connect();
  const std::uint32_t segment = gone->create_segment(4096);
  gone->request_read(request(segment));
  const auto taken = next_read();
  gone->request_read(request(gone->create_segment(4096)));
  gone.reset();
  await_connections(0);
  EXPECT_EQ(server_->reads().next(Deadline::after(10ms)), nullptr);
  EXPECT_EQ(error_of([&] { taken->reply(batch_, sample_.array(), 0, 100); }).code(),
            ErrorCode::connection_closed);
  taken->fail("nobody hears this");
}

TEST_F(AgentReads, ClosingWakesWhoeverWaits) {
  auto client = connect();
  client->request_read(request(client->create_segment(4096)));
  const auto taken = next_read();
  client->request_read(request(client->create_segment(4096)));
  std::thread waiting([&] {
    while (server_->reads().next(Deadline::after(kPatience)) != nullptr) {
    }
  });
  server_->close();
  waiting.join();
  EXPECT_EQ(server_->reads().next(Deadline::never()), nullptr);
  EXPECT_THROW(client->await_read(kPatience), Error);
}

TEST_F(AgentReads, AnswersOfBothKindsOnOneConnectionAreSorted) {
  server_->exports().open(1, batch_);
  auto client = connect();
  const std::uint32_t segment = client->create_segment(1 << 16);
  client->request_read(request(segment));
  const std::uint32_t block = send_block(*client, 1);
  next(1)->ack();
  next_read()->reply(batch_, sample_.array(), 0, 100);
  EXPECT_EQ(await_rows(*client).segment, segment);
  EXPECT_EQ(await_stored(*client).segment, block);
}

TEST_F(AgentReads, ManyReadersAtOnce) {
  std::vector<std::thread> agents;
  for (int i = 0; i < 2; ++i) {
    agents.emplace_back([&] {
      while (const auto wanted = next_read()) {
        wanted->reply(batch_, sample_.array(), static_cast<std::int64_t>(wanted->read().from_row),
                      100);
      }
    });
  }
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      auto client = connect();
      const std::uint32_t segment = client->create_segment(1024);
      for (std::uint64_t row = 0; row < 100;) {
        client->request_read(request(segment, row, 9));
        row += await_rows(*client).rows;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  server_->close();
  for (std::thread& agent : agents) agent.join();
  EXPECT_EQ(server_->memory().segments, 0U);
}

}  // namespace
}  // namespace raydp
