#include "core/agent_client.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "core/array_layout.h"
#include "core/build_id.h"
#include "core/error.h"

namespace raydp {

namespace {

// An agent reads messages at once. If it does not for this long, it is stopped or dead.
constexpr std::chrono::seconds kSendTimeout{30};

std::string seconds_of(std::chrono::milliseconds wait) {
  const auto millis = wait.count();
  return millis % 1000 == 0 ? std::to_string(millis / 1000) + " s" : std::to_string(millis) + " ms";
}

std::string numbered(std::uint32_t segment) { return "segment " + std::to_string(segment); }

[[noreturn]] void throw_refusal(const Refused& refused) {
  throw Error(ErrorCode::unauthorized,
              "the exchange agent refused the connection: " + refused.reason);
}

[[noreturn]] void throw_failure(const Failed& failed) {
  throw Error(error_code_from(failed.code), "the exchange agent reports: " + failed.message);
}

}  // namespace

void AgentClient::connect(const std::string& path, const Token& token,
                          const std::string& application, std::chrono::milliseconds timeout) {
  if (channel_ != nullptr) {
    throw Error(ErrorCode::invalid_argument, "the client is already connected");
  }
  const Deadline deadline = Deadline::after(timeout);
  auto channel = std::make_unique<MessageChannel>(
      UnixSocket::connect(path, deadline, [this] { return disconnected_.load(); }));
  {
    const std::lock_guard lock(connecting_);
    channel_ = std::move(channel);
    if (disconnected_) channel_->shutdown();
  }
  handshake(token, application, deadline);
}

MessageChannel& AgentClient::channel() const {
  if (channel_ == nullptr) {
    throw Error(ErrorCode::connection_closed, "the client is not connected to an exchange agent");
  }
  return *channel_;
}

void AgentClient::handshake(const Token& token, const std::string& application, Deadline deadline) {
  const PeerCredentials peer = channel().peer();
  // Never send the token to another user's process that listens on this path.
  if (peer.uid != ::geteuid()) {
    throw Error(
        ErrorCode::unauthorized,
        "the process that listens on the exchange agent's socket belongs to another user. uid: " +
            std::to_string(peer.uid));
  }
  send(Hello{.build = std::string(build_id()), .token = token, .application = application});
  const Message answer = receive(deadline, "the exchange agent did not answer HELLO in time");
  if (const auto* refused = std::get_if<Refused>(&answer)) throw_refusal(*refused);
  const auto* welcome = std::get_if<Welcome>(&answer);
  if (welcome == nullptr) {
    throw Error(ErrorCode::protocol,
                std::string("the exchange agent answered HELLO with ") + name_of(answer));
  }
  if (welcome->build != build_id()) {
    throw Error(ErrorCode::protocol, describe_different_builds(build_id(), welcome->build));
  }
}

void AgentClient::disconnect() noexcept {
  disconnected_ = true;
  const std::lock_guard lock(connecting_);
  if (channel_ != nullptr) channel_->shutdown();
}

// Explains why the connection ended during a call, as far as is known.
void AgentClient::report_closed(const Error& error) {
  if (disconnected_) throw Error(ErrorCode::cancelled, "this process ended the connection");
  throw error;
}

void AgentClient::send(const Message& message, int descriptor) {
  try {
    channel().send(message, Deadline::after(kSendTimeout), descriptor);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::connection_closed || disconnected_) report_closed(error);
    // The agent sends its reason before it disconnects. Report that instead of "closed".
    while (true) {
      sort_answer(receive(Deadline::after(std::chrono::milliseconds(0)), error.what()));
    }
  }
}

Message AgentClient::receive(Deadline deadline, const char* what) {
  std::optional<MessageChannel::Received> received;
  try {
    received = channel().receive(deadline);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::timeout) throw Error(ErrorCode::timeout, what);
    report_closed(error);
  }
  if (!received) {
    report_closed({ErrorCode::connection_closed,
                   "the exchange agent closed the connection; it was stopped or has died"});
  }
  return std::move(received->message);
}

AgentClient::OwnSegment& AgentClient::find(std::uint32_t segment) {
  return const_cast<OwnSegment&>(std::as_const(*this).find(segment));
}

const AgentClient::OwnSegment& AgentClient::find(std::uint32_t segment) const {
  const auto found = segments_.find(segment);
  if (found == segments_.end()) {
    throw Error(ErrorCode::invalid_argument, numbered(segment) + " does not exist or was dropped");
  }
  return found->second;
}

std::uint32_t AgentClient::create_segment(std::uint64_t size) {
  const FileDescriptor file = create_segment_file(size);
  auto mapping = Mapping::map(file, size, memory_);
  const std::uint32_t id = next_segment_;
  if (id == kNoSegment) {
    throw Error(ErrorCode::invalid_argument,
                "the connection has no segment ids left; open another");
  }
  send(SegmentOffer{.segment = id, .size = size}, file.get());
  ++next_segment_;
  segments_.emplace(id, OwnSegment{.mapping = std::move(mapping)});
  return id;
}

std::span<std::byte> AgentClient::segment_memory(std::uint32_t segment) const {
  return find(segment).mapping->bytes();
}

void AgentClient::drop_segment(std::uint32_t segment) {
  find(segment);
  segments_.erase(segment);
  send(DropSegment{.segment = segment});
}

void AgentClient::trim_segment(std::uint32_t segment, std::uint64_t from, std::uint64_t to) {
  find(segment).mapping->discard(from, to);
}

AgentClient::OwnSegment& AgentClient::find_idle(std::uint32_t segment, const char* what) {
  OwnSegment& own = find(segment);
  if (own.use != Use::idle) {
    throw Error(ErrorCode::invalid_argument,
                own.use == Use::failed
                    ? numbered(segment) + " held a block that failed; drop it and create another"
                    : numbered(segment) + " still waits for an answer; it cannot " + what);
  }
  return own;
}

void AgentClient::send_block(std::uint32_t segment, std::uint64_t export_id, std::uint64_t rows,
                             std::vector<ArrayNode> nodes) {
  OwnSegment& own = find_idle(segment, "send another block");
  send(Block{.segment = segment, .export_id = export_id, .rows = rows, .nodes = std::move(nodes)});
  own.use = Use::block;
}

void AgentClient::request_read(const Read& request) {
  OwnSegment& own = find_idle(request.segment, "take rows");
  own.wanted_rows = request.max_rows;
  send(request);
  own.use = Use::read;
}

Accepted AgentClient::await_accepted(std::chrono::milliseconds timeout) {
  const Message answer = await(Use::block, timeout, "the exchange agent did not accept a block");
  if (const auto* failed = std::get_if<Failed>(&answer)) throw_failure(*failed);
  return std::get<Accepted>(answer);
}

Ack AgentClient::await_ack(std::chrono::milliseconds timeout) {
  const Message answer =
      await(Use::accepted, timeout, "the exchange agent did not acknowledge a block");
  if (const auto* failed = std::get_if<Failed>(&answer)) throw_failure(*failed);
  return std::get<Ack>(answer);
}

ReadReply AgentClient::await_read(std::chrono::milliseconds timeout) {
  Message answer = await(Use::read, timeout, "the exchange agent did not answer a read request");
  if (const auto* failed = std::get_if<Failed>(&answer)) throw_failure(*failed);
  if (const auto* grow = std::get_if<Grow>(&answer)) return *grow;
  return std::get<Ready>(std::move(answer));
}

Message AgentClient::await(Use use, std::chrono::milliseconds timeout, const char* what) {
  std::deque<Message>& answers = answers_[use];
  const bool due = !answers.empty() || std::any_of(segments_.begin(), segments_.end(),
                                                   [&](auto& s) { return s.second.use == use; });
  if (!due) {
    throw Error(ErrorCode::invalid_argument,
                std::string("nothing is due from the exchange agent: ") +
                    (use == Use::read ? "no read was requested" : "no block was sent or accepted"));
  }
  const Deadline deadline = Deadline::after(timeout);
  const std::string late = std::string(what) + " within " + seconds_of(timeout);
  while (answers.empty()) sort_answer(receive(deadline, late.c_str()));
  Message answer = std::move(answers.front());
  answers.pop_front();
  return answer;
}

void AgentClient::sort_answer(Message message) {
  if (const auto* accepted = std::get_if<Accepted>(&message)) {
    const std::uint32_t segment = accepted->segment;
    accept_answer(segment, Use::block, std::move(message));
  } else if (const auto* ack = std::get_if<Ack>(&message)) {
    const std::uint32_t segment = ack->segment;
    accept_answer(segment, Use::accepted, std::move(message));
  } else if (const auto* ready = std::get_if<Ready>(&message)) {
    const std::uint32_t segment = ready->segment;
    accept_answer(segment, Use::read, std::move(message));
  } else if (const auto* grow = std::get_if<Grow>(&message)) {
    const std::uint32_t segment = grow->segment;
    accept_answer(segment, Use::read, std::move(message));
  } else if (const auto* failed = std::get_if<Failed>(&message)) {
    if (failed->segment == kNoSegment) {
      channel().shutdown();
      throw_failure(*failed);
    }
    const auto found = segments_.find(failed->segment);
    const Use use = found == segments_.end() ? Use::idle : found->second.use;
    accept_answer(failed->segment, use, std::move(message));
  } else if (const auto* refused = std::get_if<Refused>(&message)) {
    // An agent that has reached its limit of connections refuses before it reads our HELLO.
    channel().shutdown();
    throw_refusal(*refused);
  } else {
    channel().shutdown();
    throw Error(ErrorCode::protocol,
                std::string("the exchange agent may not send this message: ") + name_of(message));
  }
}

void AgentClient::accept_answer(std::uint32_t segment, Use expected, Message message) {
  const auto found = segments_.find(segment);
  // The answer crossed with our DROP_SEGMENT.
  if (found == segments_.end() && segment < next_segment_) return;
  const bool accepted = std::holds_alternative<Accepted>(message);
  // The export was aborted while the agent accepted the block.
  if (accepted && found != segments_.end() && found->second.use == Use::failed) return;
  try {
    if (found == segments_.end() || found->second.use != expected || expected == Use::idle ||
        expected == Use::failed) {
      throw Error(ErrorCode::protocol, std::string("the exchange agent sent ") + name_of(message) +
                                           " without a request for " + numbered(segment));
    }
    if (const auto* ready = std::get_if<Ready>(&message)) check_ready(found->second, *ready);
  } catch (const Error&) {
    channel().shutdown();
    throw;
  }
  const bool failed = std::holds_alternative<Failed>(message);
  if (accepted) {
    found->second.use = Use::accepted;
  } else {
    // After a failed block the agent may still be reading, so the writer must not touch the memory
    // again.
    found->second.use = failed && expected != Use::read ? Use::failed : Use::idle;
  }
  answers_[expected].push_back(std::move(message));
}

void AgentClient::check_ready(const OwnSegment& segment, const Ready& ready) {
  if (ready.rows > segment.wanted_rows) {
    throw Error(ErrorCode::protocol,
                "the exchange agent sent more rows than requested: " + std::to_string(ready.rows) +
                    " > " + std::to_string(segment.wanted_rows));
  }
  check_buffers(ready.nodes, segment.mapping->bytes());
}

}  // namespace raydp
