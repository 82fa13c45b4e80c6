#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"
#include "core/deadline.h"
#include "core/message.h"
#include "core/server_connection.h"

namespace raydp {

/// A checked record batch in a peer's segment, and the acknowledgement that its writer waits for.
/// Keeps the segment mapped even if its writer is gone. If it is dropped without `ack`, the writer
/// gets FAILED. Thread-safe.
class ExportedBlock {
 public:
  ExportedBlock(std::shared_ptr<PendingAnswer> answer, Block block,
                std::shared_ptr<const Field> schema)
      : answer_(std::move(answer)), block_(std::move(block)), schema_(std::move(schema)) {}

  std::uint64_t rows() const noexcept { return block_.rows; }
  std::uint64_t export_id() const noexcept { return block_.export_id; }
  const Field& schema() const noexcept { return *schema_; }

  /// Fills `out` with the batch, without copying. The array keeps the memory mapped, but its
  /// content is stable only until the acknowledgement. Throws `invalid_argument` after an answer
  /// was sent.
  void export_to(ArrowArray* out) const;

  /// Tells the writer that the block is stored and that the segment can be reused. Does nothing the
  /// second time, after an abort, or if the writer is gone.
  void ack() noexcept;

 private:
  friend class ExportRegistry;

  std::shared_ptr<PendingAnswer> answer_;
  Block block_;
  std::shared_ptr<const Field> schema_;
  std::mutex accepting_;  // held until ACCEPTED is sent: no ACK may overtake it
};

/// The exports of this agent, by export id, and their queues of blocks. An export is unknown, then
/// open, then finished or aborted. Thread-safe.
class ExportRegistry {
 public:
  /// `open_grace`: how long a block waits until its export is opened. Executors can reach an agent
  /// that starts during a job shortly before the export is opened on it.
  explicit ExportRegistry(std::chrono::milliseconds open_grace) : open_grace_(open_grace) {}

  /// Throws `invalid_argument` if the export was opened before.
  void open(std::uint64_t export_id, Field schema);

  /// Blocks that arrive from now on fail; queued ones can still be taken. An export that was never
  /// opened, as on an agent that replaced another one, counts as an export without blocks.
  void finish(std::uint64_t export_id);

  /// Every writer that waits for an answer, now or later, gets FAILED(cancelled, reason), and
  /// `next` throws it. May be called at any time and any number of times.
  void abort(std::uint64_t export_id, const std::string& reason);

  /// The next block, in the order of the indexes in ACCEPTED, which start at 0; null if the export
  /// is finished and its queue is empty. Throws `timeout`, `cancelled` after an abort,
  /// `invalid_argument` for an export that was never opened.
  std::shared_ptr<ExportedBlock> next(std::uint64_t export_id, Deadline deadline);

  /// Takes a block from a connection. Returns false if the block waits until its export is opened;
  /// call `fail_overdue` later. Throws `protocol` if the block does not match the schema.
  bool offer(std::unique_ptr<PendingAnswer> answer, Block block);

  /// Fails the blocks whose export was not opened in time; returns when to call it again.
  Deadline fail_overdue();

  /// Aborts every export; none can be opened afterwards.
  void close();

 private:
  enum class State { open, finished, aborted };

  struct Export {
    State state = State::open;
    std::string reason;  // of the abort
    std::shared_ptr<const Field> schema;
    std::deque<std::shared_ptr<ExportedBlock>> queue;
    std::uint64_t accepted = 0;  // the number of blocks accepted so far
    std::vector<std::weak_ptr<PendingAnswer>> taken;
  };

  struct Early {
    std::shared_ptr<PendingAnswer> answer;
    Block block;
    Deadline deadline;
  };

  // Answers removed from the registry under the lock. They are failed or freed after it, because
  // both may send.
  using Leaving = std::vector<std::shared_ptr<PendingAnswer>>;

  bool offer_checked(const std::shared_ptr<PendingAnswer>& answer, Block block);
  Leaving end(std::uint64_t export_id, State state, const std::string& reason);
  std::vector<Early> take_early(std::uint64_t export_id);
  const std::chrono::milliseconds open_grace_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Export>> exports_;
  std::deque<std::uint64_t> ended_;  // ended exports, oldest first
  std::vector<Early> early_;
  bool closed_ = false;
};

}  // namespace raydp
