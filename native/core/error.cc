#include "core/error.h"

#include <system_error>

namespace raydp {

std::string_view name_of(ErrorCode code) noexcept {
  for (const auto& [known, name] : kErrorCodes) {
    if (known == code) return name;
  }
  return "unknown";
}

ErrorCode error_code_from(std::uint32_t number) noexcept {
  for (const auto& [known, name] : kErrorCodes) {
    if (static_cast<std::uint32_t>(known) == number) return known;
  }
  return ErrorCode::remote_failed;
}

void throw_system_error(ErrorCode code, const std::string& message, int errno_value) {
  // std::generic_category is thread-safe, strerror is not.
  throw Error(code, message + ": " + std::generic_category().message(errno_value));
}

}  // namespace raydp
