#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace raydp::fuzz {

/// Treats `input` as what a peer sends: a message that is decoded, and if it is a BLOCK or READY,
/// the content of a segment behind it, in which its nodes are checked and then read. Any input is
/// fine; a crash, a sanitizer's report or an exception out of here is a bug in the core.
void decode_input(std::span<const std::uint8_t> input);

/// The same checks without the message: `input` gives the nodes and the content of the segment, so
/// that they are reached without finding a valid message first.
void check_batch_input(std::span<const std::uint8_t> input);

/// An input for `decode_input` that is accepted: a BLOCK of every type and its segment. What
/// mutations start from, as chance alone would hardly find one.
std::vector<std::uint8_t> valid_block();

}  // namespace raydp::fuzz
