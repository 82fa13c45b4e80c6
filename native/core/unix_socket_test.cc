#include "core/unix_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/testing/temporary_directory.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode & 0777U;
}

ErrorCode code_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::io;
}

class UnixSocketTest : public ::testing::Test {
 protected:
  const testing::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "application" / "node.sock";
};

TEST_F(UnixSocketTest, SocketAndDirectoriesArePrivateAndTheSocketIsRemoved) {
  {
    const ListeningSocket listener(path_);
    EXPECT_EQ(mode_of(path_), 0600U);
    EXPECT_EQ(mode_of(path_.parent_path()), 0700U);
    EXPECT_FALSE(std::filesystem::exists(path_.string() + ".new"));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, PeersKnowEachOther) {
  ListeningSocket listener(path_);
  EXPECT_FALSE(listener.accept());
  const UnixSocket client = UnixSocket::connect(path_.string(), Deadline::after(5s));
  pollfd entry{.fd = listener.descriptor(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&entry, 1, 5000), 1);
  const UnixSocket server(listener.accept());
  EXPECT_EQ(server.peer().pid, ::getpid());
  EXPECT_EQ(server.peer().uid, ::geteuid());
  EXPECT_EQ(client.peer().uid, ::geteuid());
}

TEST_F(UnixSocketTest, AStaleSocketIsReplacedAndALiveOneIsNot) {
  {
    ListeningSocket dead(path_);
    std::filesystem::rename(path_, path_.string() + ".kept");  // as after a kill of its process
  }
  std::filesystem::rename(path_.string() + ".kept", path_);
  EXPECT_EQ(code_of([&] { UnixSocket::connect(path_.string(), Deadline::after(5s)); }),
            ErrorCode::connection_refused);
  const ListeningSocket live(path_);
  UnixSocket::connect(path_.string(), Deadline::after(5s));
  EXPECT_EQ(code_of([&] { const ListeningSocket listener(path_); }), ErrorCode::invalid_argument);
  UnixSocket::connect(path_.string(), Deadline::after(5s));
}

TEST_F(UnixSocketTest, TheSocketOfASuccessorIsNotRemoved) {
  auto first = std::make_unique<ListeningSocket>(path_);
  std::filesystem::remove(path_);
  const ListeningSocket second(path_);
  first.reset();
  UnixSocket::connect(path_.string(), Deadline::after(5s));
}

TEST_F(UnixSocketTest, OtherFilesAreNotReplaced) {
  std::filesystem::create_directory(path_.parent_path());
  std::ofstream(path_) << "precious";
  EXPECT_EQ(code_of([&] { const ListeningSocket listener(path_); }), ErrorCode::invalid_argument);
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(UnixSocketTest, DirectoriesThatOthersCanWriteAreRefused) {
  std::filesystem::create_directory(path_.parent_path());
  std::filesystem::permissions(path_.parent_path(), std::filesystem::perms::all);
  EXPECT_EQ(code_of([&] { const ListeningSocket listener(path_); }), ErrorCode::unauthorized);
  std::filesystem::remove(path_.parent_path());
  std::filesystem::create_directory(directory_.path() / "real");
  std::filesystem::create_directory_symlink(directory_.path() / "real", path_.parent_path());
  EXPECT_EQ(code_of([&] { const ListeningSocket listener(path_); }), ErrorCode::unauthorized);
}

TEST_F(UnixSocketTest, NobodyListening) {
  EXPECT_EQ(code_of([&] { UnixSocket::connect(path_.string(), Deadline::after(5s)); }),
            ErrorCode::connection_refused);
}

TEST_F(UnixSocketTest, PathsThatDoNotFitASocketAddressAreRefused) {
  const std::string longest = std::string(104, 'x');
  for (const std::string& path : {std::string(), longest + "xxxxx", std::string("a\0b", 3)}) {
    EXPECT_EQ(code_of([&] { UnixSocket::connect(path, Deadline::after(5s)); }),
              ErrorCode::invalid_argument);
  }
  EXPECT_EQ(code_of([&] { const ListeningSocket listener(longest); }), ErrorCode::invalid_argument);
}

TEST_F(UnixSocketTest, AFullBacklogEndsInATimeout) {
  const ListeningSocket listener(path_);
  ASSERT_EQ(::listen(listener.descriptor(), 0), 0);  // a backlog of one
  const UnixSocket waiting = UnixSocket::connect(path_.string(), Deadline::after(5s));
  EXPECT_EQ(code_of([&] { UnixSocket::connect(path_.string(), Deadline::after(20ms)); }),
            ErrorCode::timeout);
}

}  // namespace
}  // namespace raydp
