// libFuzzer target for everything that parses bytes from a peer. Built with -DRAYDP_BUILD_FUZZER=ON
// and Clang; run as  exchange_fuzzer -max_len=8192 -max_total_time=600 CORPUS_DIRECTORY

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fuzz/decode_input.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

// libFuzzer's own mutation; sometimes of a valid input instead of the given one.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  static const std::vector<std::uint8_t> valid = raydp::fuzz::valid_block();
  if (seed % 128 == 0 && valid.size() < max_size) {
    data[0] = 0;
    std::ranges::copy(valid, data + 1);
    size = valid.size() + 1;
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte selects the target: one corpus serves both.
  const std::span<const std::uint8_t> input(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    raydp::fuzz::decode_input(input);
  } else {
    raydp::fuzz::check_batch_input(input);
  }
  return 0;
}
