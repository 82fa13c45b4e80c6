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
#include "core/selection.h"
#include "core/server_connection.h"

namespace raydp {

/// An executor's request for rows of a block: of some columns, or of parts of nested ones. If it is
/// dropped without an answer, the executor gets FAILED. Thread-safe.
class ReadRequest {
 public:
  ReadRequest(std::unique_ptr<PendingAnswer> answer, Read read)
      : answer_(std::move(answer)), read_(std::move(read)) {}

  const Read& read() const noexcept { return read_; }

  /// Copies rows of `batch`, starting with row `from`, and tells the reader: as many as it asked
  /// for and as fit into its segment. `batch` has exactly the requested columns, complete; of
  /// nested ones only the selected parts are copied. Returns the number of rows; 0 with rows left
  /// means that not even one fits and that the reader was asked for a larger segment. `batch` still
  /// belongs to the caller. Throws `invalid_argument` if the batch has other types than the
  /// canonical ones, does not fit the selection, ends before `from`, or if an answer was already
  /// sent; `connection_closed` if the reader is gone. If copying fails, because the batch is
  /// damaged, the reader gets that as its answer.
  std::int64_t reply(const Field& schema, const ArrowArray& batch, std::int64_t from,
                     std::uint64_t total_rows);

  /// Fails the request. Does nothing after another answer, or while `reply` copies.
  void fail(std::string_view reason) noexcept;

 private:
  friend class ReadQueue;

  Message copy_claimed(const Selection& selected, std::int64_t from, std::uint64_t total_rows);
  Message answer_with(const Field& schema, const ArrowArray& batch, std::int64_t from,
                      std::uint64_t total_rows);

  std::unique_ptr<PendingAnswer> answer_;
  Read read_;
};

/// Read requests that wait for an answer. Thread-safe.
class ReadQueue {
 public:
  void push(std::unique_ptr<ReadRequest> request);

  /// The next request; null if none arrives in time, and after `close`.
  std::unique_ptr<ReadRequest> next(Deadline deadline);

  void drop_connection(const ServerConnection* connection);
  void drop_segment(const PeerSegment* segment);

  /// Fails queued and later requests, and wakes `next`.
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
