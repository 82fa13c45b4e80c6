#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"

namespace raydp::testing {

using Random = std::mt19937_64;

/// A field as `import_schema` returns it.
Field make_field(const std::string& name, const std::string& format,
                 std::vector<Field> children = {});

/// The struct that represents a batch of these columns.
Field make_batch(std::vector<Field> columns);

/// A canonical type without children, as docs/types.md lists them, and its layout.
struct FlatType {
  const char* format;
  Layout layout;
  std::int64_t byte_width;
  std::uint32_t buffers;
};
inline constexpr FlatType kFlatTypes[] = {
    {"n", Layout::null, 0, 0},                // null
    {"b", Layout::boolean, 0, 2},             // bool
    {"c", Layout::fixed_width, 1, 2},         // int8
    {"s", Layout::fixed_width, 2, 2},         // int16
    {"i", Layout::fixed_width, 4, 2},         // int32, and months
    {"l", Layout::fixed_width, 8, 2},         // int64
    {"f", Layout::fixed_width, 4, 2},         // float32
    {"g", Layout::fixed_width, 8, 2},         // float64
    {"d:1,0", Layout::fixed_width, 16, 2},    // decimal128(1, 0)
    {"d:38,10", Layout::fixed_width, 16, 2},  // decimal128(38, 10)
    {"d:38,38,128", Layout::fixed_width, 16, 2},
    {"u", Layout::variable_width, 0, 3},     // utf8
    {"z", Layout::variable_width, 0, 3},     // binary
    {"tdD", Layout::fixed_width, 4, 2},      // date32
    {"ttn", Layout::fixed_width, 8, 2},      // time64[ns]
    {"tsu:UTC", Layout::fixed_width, 8, 2},  // timestamp[us, UTC]
    {"tsu:", Layout::fixed_width, 8, 2},     // timestamp[us]
    {"tDu", Layout::fixed_width, 8, 2},      // duration[us]
};

/// One field of every canonical type, flat and nested.
Field every_type();

/// A field of a random type.
Field random_field(Random& random, const std::string& name, int depth);

/// A random array as any producer might create it: sliced, with nulls or without a bitmap, with
/// values before the first offset. Buffers have exactly the size they need, so the address
/// sanitizer detects every read past the end.
class SampleArray {
 public:
  SampleArray(const Field& field, std::int64_t length, Random& random, bool nulls = true);
  SampleArray(const SampleArray&) = delete;
  SampleArray& operator=(const SampleArray&) = delete;

  const ArrowArray& array() const { return array_; }

 private:
  std::vector<std::uint8_t>& add_buffer(std::int64_t bytes, Random& random);
  std::int64_t add_offsets(std::int64_t rows, Random& random);

  std::vector<std::unique_ptr<std::vector<std::uint8_t>>> storage_;
  std::vector<const void*> buffers_;
  std::vector<std::unique_ptr<SampleArray>> children_;
  std::vector<ArrowArray*> child_pointers_;
  ArrowArray array_{};
};

/// An array over the caller's buffers and children; nothing is released.
ArrowArray array_of(std::int64_t length, std::int64_t null_count, std::span<const void*> buffers,
                    std::span<ArrowArray*> children = {});

/// The value of one row, bit by bit, derived only from Arrow's definition.
std::string render(const Field& field, const ArrowArray& array, std::int64_t row);

}  // namespace raydp::testing
