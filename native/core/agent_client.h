#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/message.h"
#include "core/message_channel.h"
#include "core/segment.h"

namespace raydp {

/// The reply to a read request: rows, whose buffers are all inside the segment, or GROW.
using ReadReply = std::variant<Ready, Grow>;

/// An executor's connection to the exchange agent of its node. One thread at a time, except
/// `disconnect`. Owns its segments and their mappings: they end with it.
class AgentClient {
 public:
  /// Connects and authenticates, once and before everything else. Throws `connection_refused` if
  /// nobody listens (yet), `unauthorized` if either side refuses the other, `timeout`,
  /// `invalid_argument`, `protocol`.
  void connect(const std::string& path, const Token& token, const std::string& application,
               std::chrono::milliseconds timeout);

  /// Wakes the thread that is blocked in this client, also while it connects. That call and every
  /// later one throw `cancelled`. May be called on any thread; the segments stay mapped until the
  /// destructor.
  void disconnect() noexcept;

  /// Whether the agent is known to have closed the connection or died. Does not wait.
  bool agent_gone() const { return channel().peer_closed(); }

  /// Creates, seals, maps and announces a segment of `size` bytes; returns its id. Only
  /// pages that are touched take physical memory. Throws `out_of_memory`, `connection_closed`.
  std::uint32_t create_segment(std::uint64_t size);

  /// The segment's memory, aligned to pages. Valid until `drop_segment` or the end of the client.
  std::span<std::byte> segment_memory(std::uint32_t segment) const;

  /// Tells the agent and unmaps the segment. Answers for it that are still underway are ignored.
  void drop_segment(std::uint32_t segment);

  /// Returns the physical pages that are entirely inside [from, to) to the system.
  void trim_segment(std::uint32_t segment, std::uint64_t from, std::uint64_t to);

  /// Sends the batch that `nodes` describe to the agent. Do not write or reuse the segment before
  /// the block is accepted and acknowledged.
  void send_block(std::uint32_t segment, std::uint64_t export_id, std::uint64_t rows,
                  std::vector<ArrayNode> nodes);

  /// Waits until the agent accepts a block of any segment. An accepted block will be stored. Throws
  /// the agent's failure (its code, or `remote_failed`); the segment can then only be dropped,
  /// because the agent may still read it. Also throws `timeout`, and `invalid_argument` if no
  /// answer is due.
  Accepted await_accepted(std::chrono::milliseconds timeout);

  /// Waits until an accepted block of any segment is stored. Throws like `await_accepted`.
  Ack await_ack(std::chrono::milliseconds timeout);

  /// Asks the agent to copy rows of a block into a segment.
  void request_read(const Read& request);

  /// Waits for the next reply, for any segment. Throws the agent's failure, after which the segment
  /// can be used again; `timeout`; `invalid_argument` if no reply is due.
  ReadReply await_read(std::chrono::milliseconds timeout);

  /// The segments that this client has mapped now.
  const MappedMemory& memory() const noexcept { return *memory_; }

 private:
  enum class Use { idle, block, accepted, read, failed };

  struct OwnSegment {
    std::shared_ptr<Mapping> mapping;
    Use use = Use::idle;
    std::uint64_t wanted_rows = 0;  // of the read
  };

  MessageChannel& channel() const;
  void handshake(const Token& token, const std::string& application, Deadline deadline);
  void send(const Message& message, int descriptor = -1);
  Message receive(Deadline deadline, const char* what);
  [[noreturn]] void report_closed(const Error& error);
  OwnSegment& find(std::uint32_t segment);
  const OwnSegment& find(std::uint32_t segment) const;
  OwnSegment& find_idle(std::uint32_t segment, const char* what);
  Message await(Use use, std::chrono::milliseconds timeout, const char* what);
  void sort_answer(Message message);
  void accept_answer(std::uint32_t segment, Use expected, Message message);
  static void check_ready(const OwnSegment& segment, const Ready& ready);

  // Set once, by `connect`, under the lock; `disconnect` reads it on another thread.
  std::unique_ptr<MessageChannel> channel_;
  std::mutex connecting_;
  std::atomic<bool> disconnected_{false};
  const std::shared_ptr<MappedMemory> memory_ = std::make_shared<MappedMemory>();
  std::unordered_map<std::uint32_t, OwnSegment> segments_;
  std::uint32_t next_segment_ = 0;
  /// Received answers that nobody has waited for yet, by the use of their segment.
  std::map<Use, std::deque<Message>> answers_;
};

}  // namespace raydp
