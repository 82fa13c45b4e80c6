#include "core/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"

namespace raydp {

namespace {

// How long to wait for space in the backlog of a listener, which poll(2) cannot report.
constexpr std::chrono::milliseconds kBacklogPause{5};

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path ||
      path.find('\0') != std::string::npos) {
    throw Error(ErrorCode::invalid_argument,
                "the path of the exchange agent's socket must have between 1 and " +
                    std::to_string(sizeof address.sun_path - 1) +
                    " bytes; choose a shorter temporary directory (TMPDIR): " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

FileDescriptor new_socket() {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) throw_system_error(ErrorCode::io, "cannot create a Unix socket", errno);
  return socket;
}

int connect_once(const FileDescriptor& socket, const sockaddr_un& address) {
  const int result =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 ? 0 : errno;
}

// Creates the missing directories. Anyone who can write to the last one could replace the agent's
// socket with their own, and so could the owner of the directory above it.
void make_private_directory(const std::filesystem::path& directory) {
  if (directory.empty()) return;
  const std::filesystem::path parent = directory.parent_path();
  if (!parent.empty() && !std::filesystem::exists(parent)) make_private_directory(parent);
  // Another agent of this node may create it at the same time: only the owner matters.
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw_system_error(ErrorCode::io, "cannot create " + directory.string(), errno);
  }
  struct stat own {};
  struct stat above {};
  if (::lstat(directory.c_str(), &own) != 0 ||
      ::stat(parent.empty() ? "." : parent.c_str(), &above) != 0) {
    throw_system_error(ErrorCode::io, "cannot examine " + directory.string(), errno);
  }
  if (!S_ISDIR(own.st_mode) || own.st_uid != ::geteuid() ||
      (own.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
      (above.st_uid != ::geteuid() && above.st_uid != 0)) {
    throw Error(
        ErrorCode::unauthorized,
        "the directory of the exchange agent's socket must belong to this user, must not be "
        "writable by others and must be in a directory of this user or of root; remove it "
        "or choose another: " +
            directory.string());
  }
}

// Refuses a path where somebody listens. rename(2) replaces a stale file later.
void check_not_served(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw Error(ErrorCode::invalid_argument,
                "the path of the exchange agent's socket is taken by something that is not a "
                "socket: " +
                    path.string());
  }
  const int error = connect_once(new_socket(), address_of(path.string()));
  if (error == 0 || error == EAGAIN) {
    throw Error(ErrorCode::invalid_argument,
                "another exchange agent of this application already listens on this node: " +
                    path.string());
  }
}

}  // namespace

UnixSocket UnixSocket::connect(const std::string& path, Deadline deadline,
                               const std::function<bool()>& abandoned) {
  const sockaddr_un address = address_of(path);
  FileDescriptor socket = new_socket();
  int error = connect_once(socket, address);
  while (error == EAGAIN || error == EINTR) {
    if (abandoned()) throw Error(ErrorCode::cancelled, "this process abandoned the connection");
    if (deadline.expired()) {
      throw Error(ErrorCode::timeout,
                  "the exchange agent did not accept the connection in time: " + path);
    }
    std::this_thread::sleep_for(kBacklogPause);
    error = connect_once(socket, address);
  }
  if (error != 0) {
    throw_system_error(ErrorCode::connection_refused,
                       "cannot connect to the exchange agent of this node; it may not have started "
                       "yet or may have died (" +
                           path + ")",
                       error);
  }
  return UnixSocket(std::move(socket));
}

void UnixSocket::wait(short events, Deadline deadline, const char* what) {
  for (;;) {
    pollfd entry{.fd = socket_.get(), .events = events, .revents = 0};
    const int ready = ::poll(&entry, 1, deadline.poll_timeout());
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR)
      throw_system_error(ErrorCode::io, "cannot poll a socket", errno);
    if (deadline.expired()) throw Error(ErrorCode::timeout, what);
  }
}

void UnixSocket::send(std::span<const std::byte> bytes, int descriptor, Deadline deadline) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  while (!bytes.empty()) {
    // sendmsg only reads through iov_base, but the interface cannot express that.
    iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (descriptor >= 0) {
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      cmsghdr* item = CMSG_FIRSTHDR(&header);
      item->cmsg_level = SOL_SOCKET;
      item->cmsg_type = SCM_RIGHTS;
      item->cmsg_len = CMSG_LEN(sizeof descriptor);
      std::memcpy(CMSG_DATA(item), &descriptor, sizeof descriptor);
    }
    const ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      descriptor = -1;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      wait(POLLOUT, deadline, "the peer did not read a message in time; it may be stopped");
    } else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
      throw Error(ErrorCode::connection_closed, "the peer closed the connection");
    } else if (errno != EINTR) {
      throw_system_error(ErrorCode::io, "cannot send to the peer", errno);
    }
  }
}

std::size_t UnixSocket::receive(std::span<std::byte> buffer,
                                std::vector<FileDescriptor>& descriptors, Deadline deadline) {
  for (;;) {
    // Space for two: the kernel then delivers a second descriptor instead of dropping it silently.
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      wait(POLLIN, deadline, "no message arrived from the peer in time");
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ECONNRESET) return 0;
    if (got < 0) throw_system_error(ErrorCode::io, "cannot receive from the peer", errno);
    std::size_t received_descriptors = 0;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(&header, item)) {
      if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i, ++received_descriptors) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
        FileDescriptor descriptor(fd);  // closes it if the list cannot grow
        descriptors.push_back(std::move(descriptor));
      }
    }
    if ((header.msg_flags & MSG_CTRUNC) != 0 || received_descriptors > 1) {
      throw Error(ErrorCode::protocol, "a message carries more than one file descriptor");
    }
    return static_cast<std::size_t>(got);
  }
}

void UnixSocket::shutdown() noexcept { ::shutdown(socket_.get(), SHUT_RDWR); }

PeerCredentials UnixSocket::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    throw_system_error(ErrorCode::io, "cannot read the credentials of a socket's peer", errno);
  }
  return {.pid = credentials.pid, .uid = credentials.uid};
}

bool UnixSocket::peer_closed() const noexcept {
  pollfd entry{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&entry, 1, 0) > 0;
}

ListeningSocket::ListeningSocket(const std::filesystem::path& path) : path_(path) {
  // The socket is bound under another name and renamed when it listens: a connection attempt finds
  // nothing, the stale file, or a socket that works.
  const std::filesystem::path unfinished = path.string() + ".new";
  const sockaddr_un address = address_of(unfinished.string());
  make_private_directory(path.parent_path());
  check_not_served(path);
  socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) throw_system_error(ErrorCode::io, "cannot create a Unix socket", errno);
  ::unlink(unfinished.c_str());
  struct stat status {};
  // fchmod before bind: the file never exists with wider permissions.
  if (::fchmod(socket_.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket_.get(), SOMAXCONN) != 0 || ::lstat(unfinished.c_str(), &status) != 0 ||
      ::rename(unfinished.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(unfinished.c_str());
    throw_system_error(ErrorCode::io, "cannot listen on the Unix socket " + path.string(), error);
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

ListeningSocket::~ListeningSocket() {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

FileDescriptor ListeningSocket::accept() {
  for (;;) {
    FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) return connection;
    if (errno == EAGAIN) return {};
    if (errno != EINTR && errno != ECONNABORTED) {
      throw_system_error(ErrorCode::io, "cannot accept a connection", errno);
    }
  }
}

}  // namespace raydp
