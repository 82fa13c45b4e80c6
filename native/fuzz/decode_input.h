#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace raydp::fuzz {

/// Treats `input` as bytes from a peer and decodes a message. After a BLOCK or READY, the remaining
/// bytes are the content of its segment, in which its nodes are checked and then read. Any input is
/// allowed; a crash, a sanitizer's report or an exception from this function is a bug in the core.
void decode_input(std::span<const std::uint8_t> input);

/// The same checks without a message: `input` contains the nodes and the content of the segment, so
/// the fuzzer reaches the checks without finding a valid message first.
void check_batch_input(std::span<const std::uint8_t> input);

/// An input that `decode_input` accepts: a BLOCK with every type, and its segment. Mutations start
/// from it, because random bytes almost never form a valid message.
std::vector<std::uint8_t> valid_block();

}  // namespace raydp::fuzz
