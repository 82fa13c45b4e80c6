#pragma once

#include <cstddef>
#include <cstdint>

namespace raydp {

/// The number of bytes that `bits` bits take; `bits` must not be negative.
constexpr std::int64_t bitmap_bytes(std::int64_t bits) {
  return bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

/// Copies `count` bits, starting with bit `from` of `source`, to the start of `destination`, which
/// must hold `bitmap_bytes(count)` bytes. The bits after the last one are cleared.
void copy_bits(const std::uint8_t* source, std::int64_t from, std::int64_t count,
               std::uint8_t* destination) noexcept;

/// The number of ones among the first `count` bits.
std::int64_t count_ones(const std::uint8_t* bits, std::int64_t count) noexcept;

}  // namespace raydp
