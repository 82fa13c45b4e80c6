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

/// A checked record batch that lies in a peer's segment, and the acknowledgement its writer waits
/// for. Keeps the segment mapped, also when its writer is gone. Dropped without `ack`, the writer
/// gets FAILED. Thread-safe.
class ExportedBlock {
 public:
  ExportedBlock(std::shared_ptr<PendingAnswer> answer, Block block,
                std::shared_ptr<const Field> schema)
      : answer_(std::move(answer)), block_(std::move(block)), schema_(std::move(schema)) {}

  std::uint64_t rows() const noexcept { return block_.rows; }
  std::uint64_t conversion() const noexcept { return block_.conversion; }
  const Field& schema() const noexcept { return *schema_; }

  /// Fills `out` with the batch, without copying. The array keeps the mapping, not the content:
  /// that is stable until the acknowledgement. Throws `invalid_argument` once an answer was sent.
  void export_to(ArrowArray* out) const;

  /// Tells the writer that the block is stored and the segment its own again. Does nothing the
  /// second time, after an abort, or when the writer is gone.
  void ack() noexcept;

 private:
  friend class ExportRegistry;

  std::shared_ptr<PendingAnswer> answer_;
  Block block_;
  std::shared_ptr<const Field> schema_;
  std::mutex accepting_;  // held until ACCEPTED is out, so that no ACK overtakes it
};

/// The conversions of this agent and their queues of blocks. A conversion is unknown, then open,
/// then finished or aborted. Thread-safe.
class ExportRegistry {
 public:
  /// How long a block waits for its conversion to be opened: an agent that starts in the middle of
  /// a job can be reached a moment before it is told of the conversion.
  explicit ExportRegistry(std::chrono::milliseconds open_grace) : open_grace_(open_grace) {}

  /// Throws `invalid_argument` when the conversion was opened before.
  void open(std::uint64_t conversion, Field schema);

  /// Blocks that come from now on fail; those queued can still be taken. A conversion that was
  /// never opened, as on an agent that replaced another, counts as one without blocks.
  void finish(std::uint64_t conversion);

  /// Every writer that waits for an answer gets FAILED(cancelled, reason), also later ones; `next`
  /// throws it. May come at any time and any number of times.
  void abort(std::uint64_t conversion, const std::string& reason);

  /// The next block, in the order of the indexes that their writers were told, which start at 0;
  /// nothing when the conversion is finished and its queue empty. Throws `timeout`,
  /// `cancelled` after an abort, `invalid_argument` for a conversion that was never opened.
  std::shared_ptr<ExportedBlock> next(std::uint64_t conversion, Deadline deadline);

  /// Takes a block from a connection; false when it now waits for its conversion to be opened, so
  /// that `fail_overdue` is due later. Throws `protocol` when it does not match its schema.
  bool offer(std::unique_ptr<PendingAnswer> answer, Block block);

  /// Fails the blocks whose conversion was not opened in time; returns when to come back.
  Deadline fail_overdue();

  /// Aborts everything; nothing can be opened any more.
  void close();

 private:
  enum class State { open, finished, aborted };

  struct Export {
    State state = State::open;
    std::string reason;  // of the abort
    std::shared_ptr<const Field> schema;
    std::deque<std::shared_ptr<ExportedBlock>> queue;
    std::uint64_t accepted = 0;  // blocks that were ever queued
    std::vector<std::weak_ptr<PendingAnswer>> taken;
  };

  struct Early {
    std::shared_ptr<PendingAnswer> answer;
    Block block;
    Deadline deadline;
  };

  // What leaves the registry under the lock and is failed or freed after it: both may send.
  using Leaving = std::vector<std::shared_ptr<PendingAnswer>>;

  bool offer_checked(const std::shared_ptr<PendingAnswer>& answer, Block block);
  Leaving end(std::uint64_t conversion, State state, const std::string& reason);
  std::vector<Early> take_early(std::uint64_t conversion);
  const std::chrono::milliseconds open_grace_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Export>> exports_;
  std::deque<std::uint64_t> ended_;  // oldest first; the ones to forget
  std::vector<Early> early_;
  bool closed_ = false;
};

}  // namespace raydp
