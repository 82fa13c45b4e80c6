#pragma once

#include <string>
#include <string_view>

namespace raydp {

/// UTF-8 as Java's UTF-16; invalid bytes become U+FFFD. (JNI's own functions take a "modified
/// UTF-8" that differs beyond the basic plane and must never contain invalid bytes.)
std::u16string utf16_from_utf8(std::string_view text);

/// The reverse; a lone surrogate becomes U+FFFD.
std::string utf8_from_utf16(std::u16string_view text);

}  // namespace raydp
