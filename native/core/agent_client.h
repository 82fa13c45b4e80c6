#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/error.h"
#include "core/message.h"
#include "core/message_channel.h"
#include "core/segment.h"

namespace raydp {

/// What came back for a read request.
struct ReadReply {
  std::uint32_t segment = 0;
  bool grow = false;  ///< not even one row fits: try again with `needed_bytes`
  std::uint64_t from_row = 0;
  std::uint64_t rows = 0;
  std::uint64_t total_rows = 0;
  std::uint64_t needed_bytes = 0;
  std::vector<ArrayNode> nodes;  ///< every buffer lies in the segment
};

/// An executor's connection to the exchange agent of its node. One thread at a time, except
/// `cancel`. Owns its segments and their mappings: they end with it.
class AgentClient {
 public:
  /// Connects and authenticates. Throws `connection_refused` when nobody listens (yet),
  /// `unauthorized` when either side refuses the other, `timeout`, `invalid_argument`, `protocol`.
  AgentClient(const std::string& path, const Token& token, const std::string& application,
              std::chrono::milliseconds timeout);

  /// Wakes whoever is blocked in this client, which then throws `cancelled`, as does every later
  /// call. From any thread; the segments stay mapped until the destructor.
  void cancel() noexcept;

  /// Whether the agent has closed the connection or died, as far as is known without waiting.
  bool agent_gone() const noexcept { return channel_.peer_closed(); }

  /// Creates, seals, maps and announces a segment of `size` bytes; returns its id. Physical memory
  /// is only taken by pages that are touched. Throws `out_of_memory`, `connection_closed`.
  std::uint32_t create_segment(std::uint64_t size);

  /// The segment's memory, aligned to pages. Valid until `drop_segment` or the end of the client.
  std::span<std::byte> segment_memory(std::uint32_t segment) const;

  /// Tells the agent and unmaps. Answers that are still on their way for it are ignored.
  void drop_segment(std::uint32_t segment);

  /// Gives the physical pages wholly inside [from, to) back to the system.
  void trim_segment(std::uint32_t segment, std::uint64_t from, std::uint64_t to);

  /// Hands the batch that `nodes` describe to the agent. The segment must not be written or used
  /// again until it was accepted and acknowledged.
  void send_block(std::uint32_t segment, std::uint64_t conversion, std::uint64_t rows,
                  std::vector<ArrayNode> nodes);

  /// The next word that a block will be stored, of any segment. Throws the agent's failure (its
  /// code, or `remote_failed`), after which the segment can only be dropped, as the agent may still
  /// read it; `timeout`; `invalid_argument` when none is due.
  Accepted await_accepted(std::chrono::milliseconds timeout);

  /// The next acknowledgement of an accepted block, of any segment. Throws like `await_accepted`.
  Ack await_ack(std::chrono::milliseconds timeout);

  /// Asks for rows of a block to be copied into a segment.
  void request_read(const Read& request);

  /// The next reply, of any segment. Throws the agent's failure, after which the segment is free;
  /// `timeout`; `invalid_argument` when none is due.
  ReadReply await_read(std::chrono::milliseconds timeout);

  /// Segments mapped here at this moment.
  const MappedMemory& memory() const noexcept { return *memory_; }

 private:
  enum class Use { idle, block, accepted, read, failed };

  struct OwnSegment {
    std::shared_ptr<Mapping> mapping;
    Use use = Use::idle;
    std::uint64_t wanted_rows = 0;  // of the read
  };

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
  void check_ready(const OwnSegment& segment, const Ready& ready) const;

  MessageChannel channel_;
  std::atomic<bool> cancelled_{false};
  const std::shared_ptr<MappedMemory> memory_ = std::make_shared<MappedMemory>();
  std::unordered_map<std::uint32_t, OwnSegment> segments_;
  std::uint32_t next_segment_ = 0;
  /// Answers that came and were not awaited yet, by what their segment was used for.
  std::map<Use, std::deque<Message>> answers_;
};

}  // namespace raydp
