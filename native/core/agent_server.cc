#include "core/agent_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>

#include "core/error.h"

namespace raydp {

namespace {

// How long to wait before accepting again after running out of descriptors or threads.
constexpr std::chrono::seconds kAcceptPause{1};

void log_to_standard_error(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  // One write keeps the lines of several threads apart. Nobody could handle a failure here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

AgentServer::AgentServer(Options options)
    : options_(std::move(options)),
      exports_(options_.open_grace),
      listener_(std::make_unique<ListeningSocket>(options_.path)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw_system_error(ErrorCode::io, "cannot create an event descriptor", errno);
  acceptor_ = std::thread([this] { accept_loop(); });
}

AgentServer::~AgentServer() { close(); }

void AgentServer::close() {
  std::call_once(closed_, [this] {
    closing_ = true;
    wake_acceptor();
    acceptor_.join();
    listener_.reset();
    exports_.close();
    reads_.close();
    std::unordered_map<std::uint64_t, Session> sessions;
    {
      const std::lock_guard lock(sessions_mutex_);
      sessions.swap(sessions_);
    }
    for (auto& [id, session] : sessions) session.connection->close();
    for (auto& [id, session] : sessions) session.thread.join();
  });
}

void AgentServer::wake_acceptor() noexcept {
  const std::uint64_t one = 1;
  // Fails only if the counter is full, and then the acceptor is awake anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void AgentServer::accept_loop() {
  bool paused = false;
  while (!closing_) {
    const Deadline overdue = exports_.fail_overdue();
    const Deadline pause = paused ? Deadline::after(kAcceptPause) : Deadline::never();
    const int timeout = (pause.time() < overdue.time() ? pause : overdue).poll_timeout();
    pollfd entries[] = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                        {.fd = listener_->descriptor(), .events = POLLIN, .revents = 0}};
    ::poll(entries, paused ? 1 : 2, timeout);
    std::uint64_t wakes = 0;
    [[maybe_unused]] const ssize_t drained = ::read(wake_.get(), &wakes, sizeof wakes);
    join_finished();
    paused = false;
    try {
      for (auto socket = listener_->accept(); socket && !closing_; socket = listener_->accept()) {
        start_session(std::move(socket));
      }
    } catch (const std::exception& problem) {
      log(std::string("cannot serve another connection for now: ") + problem.what());
      paused = true;
    }
  }
}

void AgentServer::start_session(FileDescriptor socket) {
  auto connection = std::make_shared<ServerConnection>(UnixSocket(std::move(socket)));
  const std::lock_guard lock(sessions_mutex_);
  if (sessions_.size() >= options_.max_connections) {
    const std::string reason = "the exchange agent has reached its limit of connections: " +
                               std::to_string(options_.max_connections);
    connection->send(Refused{.reason = reason});
    log("refused a connection: " + reason);
    return;
  }
  const std::uint64_t id = next_session_++;
  Session& session = sessions_[id];
  session.connection = connection;
  try {
    session.thread = std::thread([this, id, connection] { run_session(id, connection); });
  } catch (const std::system_error&) {
    sessions_.erase(id);
    throw;
  }
}

void AgentServer::run_session(std::uint64_t id,
                              const std::shared_ptr<ServerConnection>& connection) {
  if (admit(*connection)) serve(connection);
  {
    const std::lock_guard lock(sessions_mutex_);
    finished_.push_back(id);
  }
  wake_acceptor();
}

bool AgentServer::admit(ServerConnection& connection) {
  try {
    return connection.admit(options_.admission);
  } catch (const std::exception& problem) {
    // Logged first: once the peer knows that it was refused, the line is in the log.
    log("refused a connection from " + connection.describe_peer() + ": " + problem.what());
    connection.reject(problem.what());
    return false;
  }
}

void AgentServer::serve(const std::shared_ptr<ServerConnection>& connection) {
  const ConnectionEvents events{
      .block =
          [this](std::unique_ptr<PendingAnswer> answer, Block block) {
            if (!exports_.offer(std::move(answer), std::move(block))) wake_acceptor();
          },
      .read =
          [this](std::unique_ptr<PendingAnswer> answer, Read read) {
            reads_.push(std::make_unique<ReadRequest>(std::move(answer), std::move(read)));
          },
      .segment_dropped = [this](const PeerSegment* segment) { reads_.drop_segment(segment); }};
  connected_ += 1;
  try {
    connection->serve(options_.admission, events, memory_);
  } catch (const std::exception& problem) {
    // During the shutdown a disconnection is expected.
    if (!closing_) {
      log("closed the connection of " + connection->describe_peer() + ": " + problem.what());
    }
  }
  // Blocks stay: their task may have succeeded, and their segments are mapped here as well.
  reads_.drop_connection(connection.get());
  connected_ -= 1;
}

void AgentServer::join_finished() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(sessions_mutex_);
    for (const std::uint64_t id : finished_) {
      auto node = sessions_.extract(id);
      if (!node.empty()) threads.push_back(std::move(node.mapped().thread));
    }
    finished_.clear();
  }
  for (std::thread& thread : threads) thread.join();
}

void AgentServer::log(const std::string& line) const {
  const std::string text = "raydp exchange agent " + options_.path.string() + ": " + line;
  if (options_.log) {
    options_.log(text);
  } else {
    log_to_standard_error(text);
  }
}

}  // namespace raydp
