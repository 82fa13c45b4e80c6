#include "core/message_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "core/segment.h"

namespace raydp {
namespace {

using namespace std::chrono_literals;

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// A channel under test and the raw socket of its peer.
class MessageChannelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    channel_.emplace(UnixSocket(FileDescriptor(ends[0])));
    peer_.emplace(FileDescriptor(ends[1]));
    peer_descriptor_ = ends[1];
  }

  void send(std::span<const std::byte> bytes, int descriptor = -1) {
    peer_->send(bytes, descriptor, Deadline::after(5s));
  }

  ErrorCode refusal(std::chrono::milliseconds wait = 5s) {
    try {
      while (channel_->receive(Deadline::after(wait))) {
      }
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "no error";
    return ErrorCode::io;
  }

  std::optional<MessageChannel> channel_;
  std::optional<UnixSocket> peer_;
  int peer_descriptor_ = -1;
};

TEST_F(MessageChannelTest, MessagesArriveInOrderHoweverTheyAreCut) {
  std::vector<std::byte> bytes;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto message = encode(Refused{.reason = std::string(i * 7, 'x')});
    bytes.insert(bytes.end(), message.begin(), message.end());
  }
  std::thread sender([&] {
    for (std::size_t at = 0, size = 1; at < bytes.size(); at += size, size = size % 97 + 5) {
      size = std::min(size, bytes.size() - at);
      send(std::span(bytes).subspan(at, size));
    }
    peer_->shutdown();
  });
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto received = channel_->receive(Deadline::after(5s));
    ASSERT_TRUE(received);
    EXPECT_EQ(std::get<Refused>(received->message).reason.size(), i * 7);
  }
  EXPECT_FALSE(channel_->receive(Deadline::after(5s)));
  sender.join();
}

TEST_F(MessageChannelTest, LargeMessagesPassThroughASmallSocketBuffer) {
  MessageChannel sender(std::move(*peer_));
  const Message message = Failed{.message = std::string(kMaxPayload - 100, 'y')};
  std::thread thread([&] { sender.send(message, Deadline::after(10s)); });
  EXPECT_EQ(channel_->receive(Deadline::after(10s))->message, message);
  thread.join();
}

TEST_F(MessageChannelTest, SegmentsCarryTheirDescriptors) {
  MessageChannel sender(std::move(*peer_));
  sender.send(Welcome{}, Deadline::after(5s));
  for (const std::uint32_t id : {1U, 2U}) {
    const FileDescriptor file = create_segment_file(4096 * id);
    sender.send(SegmentOffer{.segment = id, .size = 4096 * id}, Deadline::after(5s), file.get());
  }
  EXPECT_FALSE(channel_->receive(Deadline::after(5s))->descriptor);
  for (const std::uint32_t id : {1U, 2U}) {
    const auto received = channel_->receive(Deadline::after(5s));
    EXPECT_EQ(std::get<SegmentOffer>(received->message).segment, id);
    EXPECT_EQ(::lseek(received->descriptor.get(), 0, SEEK_END), 4096 * id);
    EXPECT_EQ(::fcntl(received->descriptor.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(MessageChannelTest, DescriptorsWhereNoneBelongAreClosed) {
  const std::ptrdiff_t before = open_descriptors();
  const FileDescriptor file = create_segment_file(4096);
  send(encode(Welcome{}), file.get());
  EXPECT_EQ(refusal(), ErrorCode::protocol);
  channel_.reset();
  EXPECT_EQ(open_descriptors(), before);  // the channel's socket is closed, the file is received
}

TEST_F(MessageChannelTest, DescriptorsOnEveryPieceOfAMessageAreRefused) {
  const FileDescriptor file = create_segment_file(4096);
  const auto bytes = encode(Refused{.reason = "long enough for a few pieces"});
  for (std::size_t at = 0; at + 4 < bytes.size(); at += 4)
    send(std::span(bytes).subspan(at, 4), file.get());
  EXPECT_EQ(refusal(), ErrorCode::protocol);
}

TEST_F(MessageChannelTest, TwoDescriptorsAtOnceAreRefusedAndClosed) {
  const FileDescriptor file = create_segment_file(4096);
  const std::ptrdiff_t before = open_descriptors();
  const auto bytes = encode(SegmentOffer{.segment = 1, .size = 4096});
  const int both[] = {file.get(), file.get()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof both)] = {};
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof both);
  std::memcpy(CMSG_DATA(item), both, sizeof both);
  ASSERT_EQ(::sendmsg(peer_descriptor_, &header, MSG_NOSIGNAL), std::ssize(bytes));
  EXPECT_EQ(refusal(), ErrorCode::protocol);
  channel_.reset();
  EXPECT_EQ(open_descriptors(), before - 1);  // the channel's own socket
}

TEST_F(MessageChannelTest, ASegmentWithoutADescriptorIsRefused) {
  send(encode(SegmentOffer{.segment = 1, .size = 4096}));
  EXPECT_EQ(refusal(), ErrorCode::protocol);
}

TEST_F(MessageChannelTest, AMessageCutByTheEndIsNotAnOrderlyEnd) {
  const auto bytes = encode(Refused{.reason = "half"});
  send(std::span(bytes).first(14));
  peer_->shutdown();
  EXPECT_EQ(refusal(), ErrorCode::connection_closed);
}

TEST_F(MessageChannelTest, WaitsEndAtTheirDeadline) {
  EXPECT_EQ(refusal(20ms), ErrorCode::timeout);
}

TEST_F(MessageChannelTest, ASenderGivesUpOnAPeerThatDoesNotRead) {
  MessageChannel sender(std::move(*peer_));
  const Message message = Failed{.message = std::string(kMaxPayload - 100, 'y')};
  EXPECT_THROW(sender.send(message, Deadline::after(20ms)), Error);
  // The stream ended in the middle of a message, so nothing may follow.
  EXPECT_EQ(refusal(), ErrorCode::connection_closed);
}

TEST_F(MessageChannelTest, SendingToAPeerThatIsGoneIsAnErrorNotASignal) {
  peer_.reset();
  try {
    channel_->send(Welcome{}, Deadline::after(5s));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::connection_closed);
  }
}

TEST_F(MessageChannelTest, ShutdownWakesAReceiver) {
  std::thread thread([&] { EXPECT_FALSE(channel_->receive(Deadline::never())); });
  channel_->shutdown();
  thread.join();
}

}  // namespace
}  // namespace raydp
