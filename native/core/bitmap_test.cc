#include "core/bitmap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace raydp {
namespace {

bool bit(const std::vector<std::uint8_t>& bits, std::int64_t i) {
  return (bits[static_cast<std::size_t>(i / 8)] >> (i % 8) & 1) != 0;
}

TEST(Bitmap, CopiesAnyRangeAndClearsTheTail) {
  std::mt19937 random(1);
  for (std::int64_t from : {0, 1, 5, 7, 8, 9, 63, 64, 65, 100}) {
    for (std::int64_t count = 0; count < 300; ++count) {
      // Exactly as long as needed: the address sanitizer detects a read past the end.
      std::vector<std::uint8_t> source(static_cast<std::size_t>(bitmap_bytes(from + count)));
      for (auto& byte : source) byte = static_cast<std::uint8_t>(random());
      std::vector<std::uint8_t> copy(static_cast<std::size_t>(bitmap_bytes(count)), 0xFF);
      copy_bits(source.data(), from, count, copy.data());
      std::int64_t ones = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        ASSERT_EQ(bit(copy, i), bit(source, from + i)) << from << " " << count << " " << i;
        ones += bit(copy, i) ? 1 : 0;
      }
      for (std::int64_t i = count; i < bitmap_bytes(count) * 8; ++i) ASSERT_FALSE(bit(copy, i));
      ASSERT_EQ(count_ones(copy.data(), count), ones);
    }
  }
}

TEST(Bitmap, CountsOnlyTheFirstBits) {
  const std::vector<std::uint8_t> ones(20, 0xFF);
  for (std::int64_t count = 0; count <= 160; ++count)
    EXPECT_EQ(count_ones(ones.data(), count), count);
}

TEST(Bitmap, BytesDoNotOverflow) {
  EXPECT_EQ(bitmap_bytes(0), 0);
  EXPECT_EQ(bitmap_bytes(9), 2);
  EXPECT_EQ(bitmap_bytes(INT64_MAX), INT64_MAX / 8 + 1);
}

}  // namespace
}  // namespace raydp
