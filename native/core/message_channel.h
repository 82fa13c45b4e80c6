#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/deadline.h"
#include "core/file_descriptor.h"
#include "core/message.h"
#include "core/unix_socket.h"

namespace raydp {

/// Messages over a Unix socket. Any thread may send and one thread receives; `shutdown` may be
/// called on any thread and wakes all of them.
class MessageChannel {
 public:
  struct Received {
    Message message;
    FileDescriptor descriptor;  ///< Only with `SegmentOffer`, which always has one.
  };

  explicit MessageChannel(UnixSocket socket);

  /// Sends a whole message, in one system call unless the socket is full. A partly sent message
  /// makes the stream useless, so the channel is shut down before the error (`connection_closed`,
  /// `timeout`, `io`) is thrown. After `invalid_argument` the channel can still be used.
  /// `descriptor` still belongs to the caller; negative means none.
  void send(const Message& message, Deadline deadline, int descriptor = -1);

  /// The next message, or nothing if the peer closed the connection between two messages. Throws
  /// `protocol` for anything that is not a message or has an unexpected descriptor, `timeout`,
  /// `io`.
  std::optional<Received> receive(Deadline deadline);

  void shutdown() noexcept { socket_.shutdown(); }
  PeerCredentials peer() const { return socket_.peer(); }
  bool peer_closed() const noexcept { return socket_.peer_closed(); }

 private:
  std::span<const std::byte> unread() const;
  bool fill(std::size_t wanted, Deadline deadline);
  FileDescriptor take_descriptor(const Message& message);

  UnixSocket socket_;
  std::mutex send_mutex_;
  // Used by the receiving thread only.
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<FileDescriptor> descriptors_;
};

}  // namespace raydp
