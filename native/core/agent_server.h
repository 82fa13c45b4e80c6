#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/export_registry.h"
#include "core/file_descriptor.h"
#include "core/read_queue.h"
#include "core/server_connection.h"
#include "core/unix_socket.h"

namespace raydp {

/// The exchange agent of a node: accepts executors' connections, their blocks and their read
/// requests. One thread accepts connections and one thread per connection receives; the thread that
/// gives an answer also sends it. Thread-safe.
class AgentServer {
 public:
  struct Options {
    std::filesystem::path path;
    Admission admission;
    std::size_t max_connections = 4096;
    std::chrono::milliseconds open_grace{30'000};
    /// Called with one line per refused or broken connection, on any thread. Default: standard
    /// error.
    std::function<void(std::string_view)> log;
  };

  /// The server listens when the constructor returns. Throws like `ListeningSocket`.
  explicit AgentServer(Options options);

  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;
  ~AgentServer();

  ExportRegistry& exports() noexcept { return exports_; }
  ReadQueue& reads() noexcept { return reads_; }

  /// Admitted connections that are open.
  std::uint64_t connections() const noexcept { return connected_; }
  /// The mapped segments, including those that only an imported array still holds.
  const MappedMemory& memory() const noexcept { return *memory_; }

  /// Stops listening, disconnects all executors, fails all waits and joins all threads. Idempotent;
  /// every caller returns only when all of this is done.
  void close();

 private:
  struct Session {
    std::shared_ptr<ServerConnection> connection;
    std::thread thread;
  };

  void accept_loop();
  void start_session(FileDescriptor socket);
  void run_session(std::uint64_t id, const std::shared_ptr<ServerConnection>& connection);
  bool admit(ServerConnection& connection);
  void serve(const std::shared_ptr<ServerConnection>& connection);
  void join_finished();
  void wake_acceptor() noexcept;
  void log(const std::string& line) const;

  const Options options_;
  const std::shared_ptr<MappedMemory> memory_ = std::make_shared<MappedMemory>();
  ExportRegistry exports_;
  ReadQueue reads_;
  std::unique_ptr<ListeningSocket> listener_;
  FileDescriptor wake_;
  std::atomic<std::uint64_t> connected_{0};
  std::atomic<bool> closing_{false};
  std::once_flag closed_;

  std::mutex sessions_mutex_;
  std::unordered_map<std::uint64_t, Session> sessions_;
  std::vector<std::uint64_t> finished_;
  std::uint64_t next_session_ = 0;

  std::thread acceptor_;
};

}  // namespace raydp
