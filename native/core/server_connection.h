#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/message.h"
#include "core/message_channel.h"
#include "core/segment.h"

namespace raydp {

/// A segment that a peer shared, as the agent sees it.
struct PeerSegment {
  std::uint32_t id = 0;
  std::shared_ptr<Mapping> mapping;
  /// A block or read request in this segment waits for an answer; the peer may not send another.
  std::atomic<bool> busy{false};
  /// The peer dropped the segment and expects no answer for it.
  std::atomic<bool> dropped{false};
};

class ServerConnection;

/// The answer that a peer waits for, for one segment. Exactly one is sent: the first, or a FAILED
/// from the destructor. Any thread may answer. No method throws, and none needs the GIL.
class PendingAnswer {
 public:
  enum class Delivery { sent, answered_before, peer_gone };

  PendingAnswer(std::shared_ptr<ServerConnection> connection, std::shared_ptr<PeerSegment> segment);
  PendingAnswer(const PendingAnswer&) = delete;
  PendingAnswer& operator=(const PendingAnswer&) = delete;
  ~PendingAnswer();

  /// Sends `message` unless an answer was already sent or claimed.
  Delivery send(const Message& message) noexcept;
  Delivery fail(ErrorCode code, std::string_view reason) noexcept;

  /// Takes the right to answer, for work in the segment that must end before the peer may reuse it.
  /// False if an answer was sent or claimed before. Whoever got it calls one of the two below.
  bool claim() noexcept { return !answered_.exchange(true); }
  Delivery send_claimed(const Message& message) noexcept;
  Delivery fail_claimed(ErrorCode code, std::string_view reason) noexcept;

  /// Sends a message that precedes the answer.
  void announce(const Message& message) noexcept;

  bool answered() const noexcept { return answered_; }
  std::uint32_t segment_id() const noexcept { return segment_->id; }
  const std::shared_ptr<Mapping>& mapping() const noexcept { return segment_->mapping; }
  const ServerConnection* connection() const noexcept { return connection_.get(); }
  const PeerSegment* segment() const noexcept { return segment_.get(); }

  /// The peer violated the protocol: sends the violation as its answer and disconnects it.
  void refuse(const Error& violation) noexcept;

 private:
  const std::shared_ptr<ServerConnection> connection_;
  const std::shared_ptr<PeerSegment> segment_;
  std::atomic<bool> answered_{false};
};

/// The handlers of what a peer sends. They run on the connection's own thread; an exception from
/// them counts as the peer's violation of the protocol.
struct ConnectionEvents {
  std::function<void(std::unique_ptr<PendingAnswer>, Block)> block;
  std::function<void(std::unique_ptr<PendingAnswer>, Read)> read;
  /// Queued requests for this segment are void.
  std::function<void(const PeerSegment*)> segment_dropped;
};

/// What a peer must present, and its limits.
struct Admission {
  Token token{};
  std::string application;
  std::chrono::milliseconds hello_timeout{10'000};
  std::size_t max_segments = 64;
};

/// The agent's end of one executor's connection. `serve` runs on its own thread; everything else
/// may be called on any thread at any time, even after the peer is gone.
class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  explicit ServerConnection(UnixSocket socket) : channel_(std::move(socket)) {}

  /// Checks who the peer is. Throws `Error` with the reason if it is refused. Returns false if it
  /// left without a word: another application has looked whether somebody listens here.
  bool admit(const Admission& admission);

  /// Sends the reason to the peer and disconnects it.
  void reject(const std::string& reason) noexcept;

  /// Welcomes the peer and handles its messages until it leaves. If the peer violates the protocol,
  /// tells it and throws `Error`. At the end the socket is always shut down and the segments are
  /// always dropped.
  void serve(const Admission& admission, const ConnectionEvents& events,
             const std::shared_ptr<MappedMemory>& memory);

  /// Returns false if the peer is gone, or was abandoned because it is too slow.
  bool send(const Message& message) noexcept;

  /// Ends the connection; `serve` returns soon.
  void close() noexcept { channel_.shutdown(); }

  /// "pid 123, uid 1000", for log lines.
  std::string describe_peer() const;

 private:
  void handle(MessageChannel::Received received, const Admission& admission,
              const ConnectionEvents& events, const std::shared_ptr<MappedMemory>& memory);
  void add_segment(const SegmentOffer& offer, const FileDescriptor& file,
                   const Admission& admission, const std::shared_ptr<MappedMemory>& memory);
  std::unique_ptr<PendingAnswer> begin_use(std::uint32_t segment_id);

  MessageChannel channel_;
  PeerCredentials peer_;
  // Used by the serving thread only; others hold the segments that they use.
  std::unordered_map<std::uint32_t, std::shared_ptr<PeerSegment>> segments_;
};

}  // namespace raydp
