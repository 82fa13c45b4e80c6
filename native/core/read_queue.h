#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"
#include "core/deadline.h"
#include "core/message.h"
#include "core/server_connection.h"

namespace raydp {

/// An executor's wish for rows of some columns, or parts of nested ones, of a block. Dropped
/// without an answer, the executor gets FAILED. Thread-safe.
class ReadRequest {
 public:
  ReadRequest(std::unique_ptr<PendingAnswer> answer, Read read)
      : answer_(std::move(answer)), read_(std::move(read)) {}

  const Read& read() const noexcept { return read_; }

  /// Copies rows of `batch`, which has the requested columns as a whole, from row `from` on, as
  /// many as were asked for and fit the segment, of nested columns the selected parts, and tells
  /// the reader. Returns how many; 0 with rows left means that not even one fits and the reader was
  /// asked for a larger segment. `batch` stays the caller's. Throws `invalid_argument` when the
  /// batch is not of the canonical types or not what the selection was made for, `from` is behind
  /// its end or an answer was sent before, and `connection_closed` when the reader is gone.
  std::int64_t reply(const Field& schema, const ArrowArray& batch, std::int64_t from,
                     std::uint64_t total_rows);

  /// Tells the reader that there will be no rows. Does nothing after another answer.
  void fail(std::string_view reason) noexcept;

 private:
  friend class ReadQueue;

  Message answer_with(const Field& schema, const ArrowArray& batch, std::int64_t from,
                      std::uint64_t total_rows);

  std::unique_ptr<PendingAnswer> answer_;
  Read read_;
};

/// Read requests that nobody took yet. Thread-safe.
class ReadQueue {
 public:
  void push(std::unique_ptr<ReadRequest> request);

  /// Nothing when none came in time, or after `close`.
  std::unique_ptr<ReadRequest> next(Deadline deadline);

  void drop_connection(const ServerConnection* connection);
  void drop_segment(const PeerSegment* segment);

  /// Fails what is queued and what comes later, and wakes `next`.
  void close();

 private:
  template <class Predicate>
  void drop_if(Predicate belongs);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<ReadRequest>> queue_;
  bool closed_ = false;
};

}  // namespace raydp
