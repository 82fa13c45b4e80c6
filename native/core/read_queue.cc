#include "core/read_queue.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/array_copy.h"
#include "core/error.h"
#include "core/selection.h"

namespace raydp {

Message ReadRequest::answer_with(const Field& schema, const ArrowArray& batch, std::int64_t from,
                                 std::uint64_t total_rows) {
  const std::span<std::byte> memory = answer_->mapping()->bytes();
  const auto most = static_cast<std::int64_t>(
      std::min(read_.max_rows, static_cast<std::uint64_t>(batch.length - from)));
  const std::int64_t rows =
      rows_that_fit(schema, batch, {.from = from, .count = most}, memory.size());
  if (rows == 0) {
    const std::int64_t needed =
        bytes_needed(schema, batch, {.from = from, .count = std::min<std::int64_t>(most, 1)});
    if (static_cast<std::uint64_t>(needed) > memory.size()) {
      return Grow{.segment = read_.segment, .needed = static_cast<std::uint64_t>(needed)};
    }
  }
  return Ready{.segment = read_.segment,
               .from_row = read_.from_row,
               .rows = static_cast<std::uint64_t>(rows),
               .total_rows = total_rows,
               .nodes = copy_rows(schema, batch, {.from = from, .count = rows}, memory)};
}

std::int64_t ReadRequest::reply(const Field& schema, const ArrowArray& batch, std::int64_t from,
                                std::uint64_t total_rows) {
  check_batch(schema, batch);
  if (from < 0 || from > batch.length) {
    throw Error(ErrorCode::invalid_argument,
                "the first row to send is outside the batch: " + std::to_string(from) + " of " +
                    std::to_string(batch.length));
  }
  if (schema.children.size() != read_.columns.size()) {
    throw Error(ErrorCode::invalid_argument, "the batch must have exactly the requested columns: " +
                                                 std::to_string(schema.children.size()) + ", not " +
                                                 std::to_string(read_.columns.size()));
  }
  const Selection selected(schema, batch, read_.selection);
  // From here on, nobody else answers: the reader may reuse the segment as soon as it has an
  // answer.
  if (!answer_->claim()) {
    throw Error(ErrorCode::invalid_argument, "the read request was already answered");
  }
  const Message answer = copy_claimed(selected, from, total_rows);
  if (answer_->send_claimed(answer) == PendingAnswer::Delivery::peer_gone) {
    throw Error(ErrorCode::connection_closed, "the executor that asked for these rows is gone");
  }
  const auto* ready = std::get_if<Ready>(&answer);
  return ready == nullptr ? 0 : static_cast<std::int64_t>(ready->rows);
}

Message ReadRequest::copy_claimed(const Selection& selected, std::int64_t from,
                                  std::uint64_t total_rows) {
  try {
    return answer_with(selected.schema(), selected.array(), from, total_rows);
  } catch (const std::exception& problem) {
    answer_->fail_claimed(ErrorCode::remote_failed, problem.what());
    throw;
  }
}

void ReadRequest::fail(std::string_view reason) noexcept {
  answer_->fail(ErrorCode::remote_failed, reason);
}

void ReadQueue::push(std::unique_ptr<ReadRequest> request) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      queue_.push_back(std::move(request));
      changed_.notify_one();
      return;
    }
  }
  request->fail("the exchange agent is closed");
}

std::unique_ptr<ReadRequest> ReadQueue::next(Deadline deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline.time(), [&] { return !queue_.empty() || closed_; });
  if (queue_.empty()) return nullptr;
  std::unique_ptr<ReadRequest> request = std::move(queue_.front());
  queue_.pop_front();
  return request;
}

template <class Predicate>
void ReadQueue::drop_if(Predicate belongs) {
  // Freed after the lock: their destructors may send an answer.
  std::vector<std::unique_ptr<ReadRequest>> leaving;
  const std::lock_guard lock(mutex_);
  const auto first = std::stable_partition(queue_.begin(), queue_.end(), [&](const auto& request) {
    return !belongs(*request->answer_);
  });
  leaving.assign(std::make_move_iterator(first), std::make_move_iterator(queue_.end()));
  queue_.erase(first, queue_.end());
}

void ReadQueue::drop_connection(const ServerConnection* connection) {
  drop_if([&](const PendingAnswer& answer) { return answer.connection() == connection; });
}

void ReadQueue::drop_segment(const PeerSegment* segment) {
  drop_if([&](const PendingAnswer& answer) { return answer.segment() == segment; });
}

void ReadQueue::close() {
  std::deque<std::unique_ptr<ReadRequest>> leaving;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    leaving.swap(queue_);
  }
  changed_.notify_all();
  for (const auto& request : leaving) request->fail("the exchange agent was closed");
}

}  // namespace raydp
