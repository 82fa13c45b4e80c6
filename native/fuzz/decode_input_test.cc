// Runs the fuzz target's body on fixed inputs, with every test run and without Clang.

#include "fuzz/decode_input.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace raydp {
namespace {

TEST(DecodeInput, MutationsOfAValidBlockAreReadOrRefused) {
  const std::vector<std::uint8_t> valid = fuzz::valid_block();
  fuzz::decode_input(valid);
  std::mt19937 random(12);
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::uint8_t> input = valid;
    for (auto i = random() % 3; i <= 3; ++i) {
      // Half of the changes hit the message, the other half the segment after it.
      const std::size_t limit = random() % 2 == 0 ? 1800 : input.size();
      const auto value =
          static_cast<std::uint8_t>(random() % 2 == 0 ? random() : random() % 3 * 127);
      input[random() % limit] = value;
    }
    fuzz::decode_input(input);
  }
}

TEST(DecodeInput, RandomNodesAndContentsAreReadOrRefused) {
  std::mt19937 random(13);
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::uint8_t> input(random() % 2048);
    const unsigned limit = 1U << (random() % 9);
    for (std::uint8_t& byte : input) byte = static_cast<std::uint8_t>(random() % limit);
    fuzz::check_batch_input(input);
    fuzz::decode_input(input);
  }
}

}  // namespace
}  // namespace raydp
