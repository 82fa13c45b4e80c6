#pragma once

#include <algorithm>
#include <chrono>
#include <climits>

namespace raydp {

/// A point in time that a wait must not pass.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// For waits that the peer's next message or the shutdown of the socket ends.
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  static Deadline after(std::chrono::milliseconds wait) {
    const auto bounded = std::clamp(wait, std::chrono::milliseconds(0), kLongestWait);
    return Deadline(Clock::now() + bounded);
  }

  /// `seconds` as Python passes them; NaN and negative numbers mean now.
  static Deadline after_seconds(double seconds) {
    const double longest = std::chrono::duration<double>(kLongestWait).count();
    if (!(seconds > 0)) return after(std::chrono::milliseconds(0));
    const double millis = std::min(seconds, longest) * 1000.0;
    return after(std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(millis)));
  }

  Clock::time_point time() const { return time_; }
  bool is_never() const { return time_ == Clock::time_point::max(); }
  bool expired() const { return !is_never() && Clock::now() >= time_; }

  /// The argument of poll(2): milliseconds, rounded up so it never returns early; -1 means never.
  int poll_timeout() const {
    if (is_never()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time_ - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
  }

 private:
  // Longer than any caller means, short enough for clock arithmetic not to overflow.
  static constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);

  explicit Deadline(Clock::time_point time) : time_(time) {}

  Clock::time_point time_;
};

}  // namespace raydp
