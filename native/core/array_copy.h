#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"
#include "core/message.h"

namespace raydp {

/// Rows [from, from + count) of a batch.
struct RowRange {
  std::int64_t from = 0;
  std::int64_t count = 0;
};

/// Throws `invalid_argument` unless `array` has the shape that its schema describes, its children
/// have the rows that it refers to, and it has, like a record batch, no nulls at the top level. The
/// sizes of its buffers, which the interface does not tell, are trusted: they come from this
/// process.
void check_batch(const Field& batch, const ArrowArray& array);

/// The bytes that `copy_rows` needs for these rows. The size never falls when `count` rises. The
/// cost is one step per array node, independent of the number of rows.
std::int64_t bytes_needed(const Field& batch, const ArrowArray& array, RowRange rows);

/// How many of the wanted rows, starting with the first, fit into `capacity` bytes.
std::int64_t rows_that_fit(const Field& batch, const ArrowArray& array, RowRange wanted,
                           std::uint64_t capacity);

/// Copies rows of a batch (any Arrow offset, slices, nesting) to the start of `destination`, which
/// must be aligned to 64 bytes and hold `bytes_needed`. Every copied array starts at row 0:
/// bitmaps are shifted and offsets start at 0. Returns the columns' nodes. Throws
/// `invalid_argument` for offsets that fall.
std::vector<ArrayNode> copy_rows(const Field& batch, const ArrowArray& array, RowRange rows,
                                 std::span<std::byte> destination);

}  // namespace raydp
