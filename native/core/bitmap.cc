#include "core/bitmap.h"

#include <bit>
#include <cstring>

namespace raydp {

namespace {

std::uint64_t load(const std::uint8_t* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

void copy_bits(const std::uint8_t* source, std::int64_t from, std::int64_t count,
               std::uint8_t* destination) noexcept {
  if (count == 0) return;
  source += from / 8;
  const auto shift = static_cast<unsigned>(from % 8);
  const std::int64_t bytes = bitmap_bytes(count);
  std::int64_t done = 0;
  if (shift == 0) {
    std::memcpy(destination, source, static_cast<std::size_t>(bytes));
  } else {
    const std::int64_t source_bytes = bitmap_bytes(count + shift);
    // A word needs the eight bytes at its position and the one after them.
    for (; done + 8 < source_bytes && done + 8 <= bytes; done += 8) {
      const std::uint64_t word =
          (load(source + done) >> shift) | (std::uint64_t{source[done + 8]} << (64 - shift));
      std::memcpy(destination + done, &word, sizeof word);
    }
    for (; done < bytes; ++done) {
      unsigned byte = static_cast<unsigned>(source[done]) >> shift;
      if (done + 1 < source_bytes) byte |= static_cast<unsigned>(source[done + 1]) << (8 - shift);
      destination[done] = static_cast<std::uint8_t>(byte);
    }
  }
  if (count % 8 != 0) {
    destination[bytes - 1] &=
        static_cast<std::uint8_t>((1U << static_cast<unsigned>(count % 8)) - 1);
  }
}

std::int64_t count_ones(const std::uint8_t* bits, std::int64_t count) noexcept {
  std::int64_t ones = 0;
  std::int64_t done = 0;
  for (; done + 64 <= count; done += 64) ones += std::popcount(load(bits + done / 8));
  for (; done + 8 <= count; done += 8) ones += std::popcount(bits[done / 8]);
  if (done < count) {
    const auto mask = static_cast<std::uint8_t>((1U << static_cast<unsigned>(count - done)) - 1);
    ones += std::popcount(static_cast<std::uint8_t>(bits[done / 8] & mask));
  }
  return ones;
}

}  // namespace raydp
