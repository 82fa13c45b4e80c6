#include "core/message_channel.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "core/error.h"

namespace raydp {

namespace {
// Most messages are below a kilobyte: one receive call gets the header, the payload and the
// messages after it.
constexpr std::size_t kInitialBuffer = 16U << 10U;
}  // namespace

MessageChannel::MessageChannel(UnixSocket socket)
    : socket_(std::move(socket)), buffer_(kInitialBuffer) {}

void MessageChannel::send(const Message& message, Deadline deadline, int descriptor) {
  const std::vector<std::byte> bytes = encode(message);
  const std::lock_guard lock(send_mutex_);
  try {
    socket_.send(bytes, descriptor, deadline);
  } catch (...) {
    socket_.shutdown();
    throw;
  }
}

std::span<const std::byte> MessageChannel::unread() const {
  return std::span(buffer_).subspan(begin_, end_ - begin_);
}

// Receives until `wanted` bytes are unread; false if the peer closed before the first of them.
bool MessageChannel::fill(std::size_t wanted, Deadline deadline) {
  if (buffer_.size() - begin_ < wanted) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() < wanted) buffer_.resize(wanted);
  }
  while (end_ - begin_ < wanted) {
    const std::size_t got =
        socket_.receive(std::span(buffer_).subspan(end_), descriptors_, deadline);
    // At most one for the current message and one for the message after it.
    if (descriptors_.size() > 2) {
      throw Error(ErrorCode::protocol, "messages other than SEGMENT carry file descriptors");
    }
    if (got == 0 && begin_ == end_) return false;
    if (got == 0) {
      throw Error(ErrorCode::connection_closed,
                  "the peer closed the connection in the middle of a message; it may have died");
    }
    end_ += got;
  }
  return true;
}

FileDescriptor MessageChannel::take_descriptor(const Message& message) {
  if (!std::holds_alternative<SegmentOffer>(message)) return {};
  if (descriptors_.empty()) {
    throw Error(ErrorCode::protocol, "a SEGMENT message carries no file descriptor");
  }
  FileDescriptor descriptor = std::move(descriptors_.front());
  descriptors_.erase(descriptors_.begin());
  return descriptor;
}

std::optional<MessageChannel::Received> MessageChannel::receive(Deadline deadline) {
  // The kernel ends a receive call after the bytes that came with a descriptor, so when all bytes
  // are consumed no descriptor can be waiting for its message.
  if (begin_ == end_ && !descriptors_.empty()) {
    descriptors_.clear();
    throw Error(ErrorCode::protocol, "a message other than SEGMENT carries a file descriptor");
  }
  if (!fill(kHeaderSize, deadline)) return std::nullopt;
  const Header header = decode_header(unread().first<kHeaderSize>());
  const std::size_t size = kHeaderSize + header.payload_size;
  fill(size, deadline);
  Message message = decode_payload(header, unread().subspan(kHeaderSize, header.payload_size));
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
  FileDescriptor descriptor = take_descriptor(message);
  return Received{std::move(message), std::move(descriptor)};
}

}  // namespace raydp
