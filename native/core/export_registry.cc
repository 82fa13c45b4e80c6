#include "core/export_registry.h"

#include <algorithm>
#include <utility>

#include "core/array_layout.h"
#include "core/error.h"

namespace raydp {

namespace {

// Ended exports are remembered: a late block then fails at once, with the true reason.
constexpr std::size_t kRememberedExports = 1024;

std::string numbered(std::uint64_t export_id) { return "export " + std::to_string(export_id); }

Error not_opened(std::uint64_t export_id) {
  return {ErrorCode::invalid_argument,
          numbered(export_id) + " was not opened on this exchange agent"};
}

}  // namespace

void ExportedBlock::export_to(ArrowArray* out) const {
  if (answer_->answered()) {
    throw Error(
        ErrorCode::invalid_argument,
        "the block was already acknowledged or its export was aborted, so its memory belongs to "
        "the writer again; import the block before ack()");
  }
  export_batch(*schema_, block_.rows, block_.nodes, answer_->mapping(), out);
}

void ExportedBlock::ack() noexcept {
  const std::lock_guard accepted(accepting_);
  answer_->send(Ack{.segment = block_.segment});
}

void ExportRegistry::open(std::uint64_t export_id, Field schema) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) throw Error(ErrorCode::cancelled, "the exchange agent is closed");
    auto entry = std::make_shared<Export>();
    entry->schema = std::make_shared<const Field>(std::move(schema));
    if (!exports_.emplace(export_id, std::move(entry)).second) {
      throw Error(ErrorCode::invalid_argument, numbered(export_id) + " was already opened");
    }
  }
  for (Early& early : take_early(export_id)) {
    try {
      offer_checked(early.answer, std::move(early.block));
    } catch (const Error& violation) {
      early.answer->refuse(violation);
    }
  }
}

std::vector<ExportRegistry::Early> ExportRegistry::take_early(std::uint64_t export_id) {
  const std::lock_guard lock(mutex_);
  const auto first = std::stable_partition(
      early_.begin(), early_.end(), [&](const Early& e) { return e.block.export_id != export_id; });
  std::vector<Early> taken(std::make_move_iterator(first), std::make_move_iterator(early_.end()));
  early_.erase(first, early_.end());
  return taken;
}

bool ExportRegistry::offer(std::unique_ptr<PendingAnswer> answer, Block block) {
  const std::shared_ptr<PendingAnswer> shared = std::move(answer);
  try {
    return offer_checked(shared, std::move(block));
  } catch (const Error& violation) {
    shared->fail(violation.code(), violation.what());
    throw;
  }
}

bool ExportRegistry::offer_checked(const std::shared_ptr<PendingAnswer>& answer, Block block) {
  std::unique_lock lock(mutex_);
  auto found = exports_.find(block.export_id);
  if (found == exports_.end() && !closed_) {
    early_.push_back({answer, std::move(block), Deadline::after(open_grace_)});
    return false;
  }
  if (found != exports_.end() && found->second->state == State::open) {
    const std::shared_ptr<Export> entry = found->second;
    lock.unlock();  // the check reads the whole segment, which takes time
    check_nodes(*entry->schema, block.rows, block.nodes, answer->mapping()->bytes());
    lock.lock();
    if (entry->state == State::open) {
      const auto accepted =
          std::make_shared<ExportedBlock>(answer, std::move(block), entry->schema);
      const std::lock_guard accepting(accepted->accepting_);
      entry->queue.push_back(accepted);
      const std::uint64_t index = entry->accepted++;
      lock.unlock();
      changed_.notify_all();
      answer->announce(Accepted{.segment = answer->segment_id(), .index = index});
      return true;
    }
    found = exports_.find(block.export_id);
  }
  std::string reason = "the exchange agent is closed";
  if (found != exports_.end()) {
    const Export& entry = *found->second;
    reason = numbered(block.export_id) +
             (entry.state == State::aborted ? " was aborted: " + entry.reason : " is finished");
  }
  lock.unlock();
  answer->fail(ErrorCode::cancelled, reason);
  return true;
}

ExportRegistry::Leaving ExportRegistry::end(std::uint64_t export_id, State state,
                                            const std::string& reason) {
  Leaving leaving;
  std::vector<std::shared_ptr<Export>> forgotten;  // freed after the lock, see `Leaving`
  const std::lock_guard lock(mutex_);
  auto& known = exports_[export_id];
  if (known == nullptr) known = std::make_shared<Export>();
  const std::shared_ptr<Export> entry = known;
  if (entry->state == state || entry->state == State::aborted) return leaving;
  if (entry->state == State::open) ended_.push_back(export_id);
  entry->state = state;
  if (state == State::aborted) {
    entry->reason = reason;
    for (const auto& block : entry->queue) leaving.push_back(block->answer_);
    for (const auto& taken : entry->taken) {
      if (auto answer = taken.lock()) leaving.push_back(std::move(answer));
    }
    entry->queue.clear();
    entry->taken.clear();
  }
  while (ended_.size() > kRememberedExports) {
    // A thread that still waits in next() holds the entry and sees its end.
    const auto oldest = exports_.find(ended_.front());
    forgotten.push_back(std::move(oldest->second));
    exports_.erase(oldest);
    ended_.pop_front();
  }
  return leaving;
}

void ExportRegistry::finish(std::uint64_t export_id) {
  end(export_id, State::finished, "");
  changed_.notify_all();
  for (const Early& early : take_early(export_id)) {
    early.answer->fail(ErrorCode::cancelled, numbered(export_id) + " is finished");
  }
}

void ExportRegistry::abort(std::uint64_t export_id, const std::string& reason) {
  Leaving leaving = end(export_id, State::aborted, reason);
  changed_.notify_all();
  for (const Early& early : take_early(export_id)) leaving.push_back(early.answer);
  for (const auto& answer : leaving) {
    answer->fail(ErrorCode::cancelled, numbered(export_id) + " was aborted: " + reason);
  }
}

std::shared_ptr<ExportedBlock> ExportRegistry::next(std::uint64_t export_id, Deadline deadline) {
  std::shared_ptr<Export> entry;  // outlives the lock, see `Leaving`
  std::unique_lock lock(mutex_);
  const auto found = exports_.find(export_id);
  if (found == exports_.end()) throw not_opened(export_id);
  entry = found->second;
  const bool came = changed_.wait_until(
      lock, deadline.time(), [&] { return !entry->queue.empty() || entry->state != State::open; });
  if (entry->state == State::aborted) {
    throw Error(ErrorCode::cancelled, numbered(export_id) + " was aborted: " + entry->reason);
  }
  if (!came) throw Error(ErrorCode::timeout, "no block arrived in time for " + numbered(export_id));
  if (entry->queue.empty()) return nullptr;
  std::shared_ptr<ExportedBlock> block = std::move(entry->queue.front());
  entry->queue.pop_front();
  std::erase_if(entry->taken, [](const auto& answer) { return answer.expired(); });
  entry->taken.push_back(block->answer_);
  return block;
}

Deadline ExportRegistry::fail_overdue() {
  std::vector<Early> overdue;
  Deadline next = Deadline::never();
  {
    const std::lock_guard lock(mutex_);
    const auto first = std::stable_partition(early_.begin(), early_.end(),
                                             [](const Early& e) { return !e.deadline.expired(); });
    overdue.assign(std::make_move_iterator(first), std::make_move_iterator(early_.end()));
    early_.erase(first, early_.end());
    for (const Early& early : early_) {
      if (early.deadline.time() < next.time()) next = early.deadline;
    }
  }
  for (const Early& early : overdue) {
    const Error error = not_opened(early.block.export_id);
    early.answer->fail(error.code(), error.what());
  }
  return next;
}

void ExportRegistry::close() {
  std::vector<std::uint64_t> export_ids;
  std::vector<Early> early;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    early.swap(early_);
    for (const auto& [export_id, entry] : exports_) export_ids.push_back(export_id);
  }
  for (const std::uint64_t export_id : export_ids) {
    abort(export_id, "the exchange agent was closed");
  }
  for (const Early& waiting : early) {
    waiting.answer->fail(ErrorCode::cancelled, "the exchange agent was closed");
  }
}

}  // namespace raydp
