#include "core/server_connection.h"

#include <unistd.h>

#include <exception>
#include <utility>
#include <variant>

#include "core/build_id.h"

namespace raydp {

namespace {

// A peer that does not read an answer for this long is abandoned.
constexpr std::chrono::seconds kSendTimeout{30};
constexpr std::size_t kLongestReason = 64U << 10U;

bool equal_in_constant_time(const Token& left, const Token& right) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i)
    difference |= unsigned{left[i]} ^ unsigned { right[i] };
  return difference == 0;
}

Failed failure(std::uint32_t segment, ErrorCode code, std::string_view reason) {
  return Failed{.segment = segment,
                .code = static_cast<std::uint32_t>(code),
                .message = std::string(reason.substr(0, kLongestReason))};
}

}  // namespace

PendingAnswer::PendingAnswer(std::shared_ptr<ServerConnection> connection,
                             std::shared_ptr<PeerSegment> segment)
    : connection_(std::move(connection)), segment_(std::move(segment)) {}

PendingAnswer::~PendingAnswer() {
  fail(ErrorCode::remote_failed,
       "the exchange agent dropped the block or request without an answer");
}

PendingAnswer::Delivery PendingAnswer::send(const Message& message) noexcept {
  return claim() ? send_claimed(message) : Delivery::answered_before;
}

PendingAnswer::Delivery PendingAnswer::send_claimed(const Message& message) noexcept {
  // Cleared before the answer is sent: the peer may reuse the segment as soon as it has the answer.
  segment_->busy = false;
  if (segment_->dropped) return Delivery::peer_gone;
  return connection_->send(message) ? Delivery::sent : Delivery::peer_gone;
}

void PendingAnswer::announce(const Message& message) noexcept {
  if (!segment_->dropped) connection_->send(message);
}

PendingAnswer::Delivery PendingAnswer::fail(ErrorCode code, std::string_view reason) noexcept {
  return claim() ? fail_claimed(code, reason) : Delivery::answered_before;
}

PendingAnswer::Delivery PendingAnswer::fail_claimed(ErrorCode code,
                                                    std::string_view reason) noexcept {
  return send_claimed(failure(segment_->id, code, reason));
}

void PendingAnswer::refuse(const Error& violation) noexcept {
  fail(violation.code(), violation.what());
  connection_->close();
}

void ServerConnection::reject(const std::string& reason) noexcept {
  send(Refused{.reason = reason.substr(0, kLongestReason)});
  close();
}

bool ServerConnection::admit(const Admission& admission) {
  peer_ = channel_.peer();
  if (peer_.uid != ::geteuid()) {
    throw Error(ErrorCode::unauthorized, "the exchange agent belongs to another user");
  }
  const auto first = channel_.receive(Deadline::after(admission.hello_timeout));
  if (!first) return false;
  const auto* hello = std::get_if<Hello>(&first->message);
  if (hello == nullptr) throw Error(ErrorCode::protocol, "the first message was not HELLO");
  if (!equal_in_constant_time(hello->token, admission.token)) {
    throw Error(ErrorCode::unauthorized, "wrong token");
  }
  if (hello->build != build_id()) {
    throw Error(ErrorCode::protocol, describe_different_builds(hello->build, build_id()));
  }
  if (hello->application != admission.application) {
    throw Error(ErrorCode::unauthorized,
                "the exchange agent serves another application: " + admission.application);
  }
  return true;
}

void ServerConnection::serve(const Admission& admission, const ConnectionEvents& events,
                             const std::shared_ptr<MappedMemory>& memory) {
  send(Welcome{.build = std::string(build_id())});
  try {
    while (auto received = channel_.receive(Deadline::never())) {
      handle(std::move(*received), admission, events, memory);
    }
  } catch (const std::exception& problem) {
    const auto* error = dynamic_cast<const Error*>(&problem);
    send(failure(kNoSegment, error == nullptr ? ErrorCode::out_of_memory : error->code(),
                 problem.what()));
    close();
    segments_.clear();
    throw;
  }
  close();
  segments_.clear();
}

void ServerConnection::handle(MessageChannel::Received received, const Admission& admission,
                              const ConnectionEvents& events,
                              const std::shared_ptr<MappedMemory>& memory) {
  Message& message = received.message;
  if (const auto* offer = std::get_if<SegmentOffer>(&message)) {
    add_segment(*offer, received.descriptor, admission, memory);
  } else if (const auto* drop = std::get_if<DropSegment>(&message)) {
    const auto node = segments_.extract(drop->segment);
    if (node.empty()) {
      throw Error(ErrorCode::protocol, "DROP_SEGMENT of a segment that does not exist: " +
                                           std::to_string(drop->segment));
    }
    node.mapped()->dropped = true;
    events.segment_dropped(node.mapped().get());
  } else if (auto* block = std::get_if<Block>(&message)) {
    auto answer = begin_use(block->segment);
    events.block(std::move(answer), std::move(*block));
  } else if (auto* read = std::get_if<Read>(&message)) {
    auto answer = begin_use(read->segment);
    events.read(std::move(answer), std::move(*read));
  } else {
    throw Error(ErrorCode::protocol,
                std::string("an executor may not send this message: ") + name_of(message));
  }
}

void ServerConnection::add_segment(const SegmentOffer& offer, const FileDescriptor& file,
                                   const Admission& admission,
                                   const std::shared_ptr<MappedMemory>& memory) {
  if (segments_.contains(offer.segment) || offer.segment == kNoSegment) {
    throw Error(ErrorCode::protocol,
                "a segment with this id already exists: " + std::to_string(offer.segment));
  }
  if (segments_.size() >= admission.max_segments) {
    throw Error(ErrorCode::protocol, "a connection may not have more segments than " +
                                         std::to_string(admission.max_segments));
  }
  auto segment = std::make_shared<PeerSegment>();
  segment->id = offer.segment;
  segment->mapping = map_peer_segment(file, offer.size, memory);
  segments_.emplace(offer.segment, std::move(segment));
}

std::unique_ptr<PendingAnswer> ServerConnection::begin_use(std::uint32_t segment_id) {
  const auto found = segments_.find(segment_id);
  if (found == segments_.end()) {
    throw Error(ErrorCode::protocol,
                "a message names a segment that does not exist: " + std::to_string(segment_id));
  }
  if (found->second->busy.exchange(true)) {
    throw Error(ErrorCode::protocol,
                "a segment was used again before its answer: " + std::to_string(segment_id));
  }
  return std::make_unique<PendingAnswer>(shared_from_this(), found->second);
}

bool ServerConnection::send(const Message& message) noexcept {
  try {
    channel_.send(message, Deadline::after(kSendTimeout));
    return true;
  } catch (const std::exception&) {
    // The channel has shut itself down, or the answer could not be built. Either way the peer will
    // not get it and must not wait for it.
    channel_.shutdown();
    return false;
  }
}

std::string ServerConnection::describe_peer() const {
  return "pid " + std::to_string(peer_.pid) + ", uid " + std::to_string(peer_.uid);
}

}  // namespace raydp
