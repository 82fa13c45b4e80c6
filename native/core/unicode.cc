#include "core/unicode.h"

#include <array>
#include <cstdint>

namespace raydp {

namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

// Decodes one character from the front of `text` and removes it.
char32_t take_utf8(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (first < 0x80) return first;
  struct Form {
    unsigned mask, lead;
    std::size_t more;
    char32_t least;
  };
  constexpr std::array<Form, 3> kForms{
      {{0xE0, 0xC0, 1, 0x80}, {0xF0, 0xE0, 2, 0x800}, {0xF8, 0xF0, 3, 0x10000}}};
  for (const Form& form : kForms) {
    if ((first & form.mask) != form.lead || text.size() < form.more) continue;
    char32_t c = first & ~form.mask;
    for (std::size_t i = 0; i < form.more; ++i) {
      const auto next = static_cast<unsigned char>(text[i]);
      if ((next & 0xC0U) != 0x80) return kReplacement;
      c = (c << 6U) | (next & 0x3FU);
    }
    if (c < form.least || c > 0x10FFFF || is_surrogate(c)) return kReplacement;
    text.remove_prefix(form.more);
    return c;
  }
  return kReplacement;
}

void append_utf8(std::string& out, char32_t c) {
  const auto push = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
    return;
  }
  if (c < 0x800) {
    push(0xC0U | (c >> 6U));
  } else {
    if (c < 0x10000) {
      push(0xE0U | (c >> 12U));
    } else {
      push(0xF0U | (c >> 18U));
      push(0x80U | ((c >> 12U) & 0x3FU));
    }
    push(0x80U | ((c >> 6U) & 0x3FU));
  }
  push(0x80U | (c & 0x3FU));
}

}  // namespace

std::u16string utf16_from_utf8(std::string_view text) {
  std::u16string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char32_t c = take_utf8(text);
    if (c < 0x10000) {
      out.push_back(static_cast<char16_t>(c));
    } else {
      out.push_back(static_cast<char16_t>(0xD800U + ((c - 0x10000U) >> 10U)));
      out.push_back(static_cast<char16_t>(0xDC00U + ((c - 0x10000U) & 0x3FFU)));
    }
  }
  return out;
}

std::string utf8_from_utf16(std::u16string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    if (is_surrogate(c)) {
      const bool paired =
          c < 0xDC00 && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] <= 0xDFFF;
      c = paired ? 0x10000U + ((c - 0xD800U) << 10U) + (text[++i] - 0xDC00U) : kReplacement;
    }
    append_utf8(out, c);
  }
  return out;
}

}  // namespace raydp
