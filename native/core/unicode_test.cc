#include "core/unicode.h"

#include <gtest/gtest.h>

namespace raydp {
namespace {

TEST(Unicode, RoundTripsEveryPlane) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80" + std::string(1, '\0') + "z";
  EXPECT_EQ(utf16_from_utf8(text), std::u16string(u"aé€🚀\0z", 7));
  EXPECT_EQ(utf8_from_utf16(utf16_from_utf8(text)), text);
}

TEST(Unicode, ReplacesWhatIsNotUtf8) {
  for (const std::string bad : {"\xFF", "\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x9A", "\xC0\x80",
                                "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"}) {
    const std::u16string text = utf16_from_utf8(bad + "z");
    ASSERT_FALSE(text.empty());
    EXPECT_EQ(text.front(), u'\uFFFD');
    EXPECT_EQ(text.back(), u'z');
  }
}

TEST(Unicode, ReplacesLoneSurrogates) {
  EXPECT_EQ(utf8_from_utf16(std::u16string{0xD83D, u'z'}), "\xEF\xBF\xBDz");
  EXPECT_EQ(utf8_from_utf16(std::u16string{0xDE80}), "\xEF\xBF\xBD");
  EXPECT_EQ(utf8_from_utf16(std::u16string{0xD83D}), "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace raydp
