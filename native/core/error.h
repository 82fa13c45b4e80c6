#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace raydp {

/// What went wrong. The numbers cross the socket and the JNI boundary: add new ones at the end.
/// Mirrored by the ordinals of `io.raydp.exchange.ExchangeErrorCode` and by
/// `raydp._native.ExchangeError.code`.
enum class ErrorCode : std::uint32_t {
  invalid_argument = 0,
  connection_refused = 1,
  unauthorized = 2,
  connection_closed = 3,
  timeout = 4,
  protocol = 5,
  out_of_memory = 6,
  io = 7,
  cancelled = 8,
  remote_failed = 9,
  grow = 10,
};

/// Every code with its name, ordered by number.
inline constexpr std::array<std::pair<ErrorCode, std::string_view>, 11> kErrorCodes{{
    {ErrorCode::invalid_argument, "invalid_argument"},
    {ErrorCode::connection_refused, "connection_refused"},
    {ErrorCode::unauthorized, "unauthorized"},
    {ErrorCode::connection_closed, "connection_closed"},
    {ErrorCode::timeout, "timeout"},
    {ErrorCode::protocol, "protocol"},
    {ErrorCode::out_of_memory, "out_of_memory"},
    {ErrorCode::io, "io"},
    {ErrorCode::cancelled, "cancelled"},
    {ErrorCode::remote_failed, "remote_failed"},
    {ErrorCode::grow, "grow"},
}};

/// The name of a code; "unknown" for a number that no code has.
std::string_view name_of(ErrorCode code) noexcept;

/// The code with this number; `remote_failed` for a number that this version does not know, because
/// only a peer can have sent one.
ErrorCode error_code_from(std::uint32_t number) noexcept;

/// The one exception type of the core.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws `Error` with the text of `errno_value` at the end of the message.
[[noreturn]] void throw_system_error(ErrorCode code, const std::string& message, int errno_value);

}  // namespace raydp
