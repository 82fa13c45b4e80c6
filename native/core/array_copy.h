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

/// Throws `invalid_argument` unless `array` has the shape that its schema says, and as a record
/// batch has no nulls of its own. What its buffers hold is trusted: it comes from this process.
void check_batch(const Field& batch, const ArrowArray& array);

/// Bytes that `copy_rows` uses for these rows. Never less for more rows of the same start; costs
/// one step per array node, whatever the number of rows.
std::int64_t bytes_needed(const Field& batch, const ArrowArray& array, RowRange rows);

/// Of the wanted rows, how many from the first on fit `capacity` bytes.
std::int64_t rows_that_fit(const Field& batch, const ArrowArray& array, RowRange wanted,
                           std::uint64_t capacity);

/// Copies rows of a batch (any Arrow offset, slices, nesting) to the start of `destination`, which
/// must be aligned to 64 bytes and hold `bytes_needed`. Every array starts at its row 0 there:
/// bitmaps are shifted, offsets start at 0. Returns the columns' nodes.
std::vector<ArrayNode> copy_rows(const Field& batch, const ArrowArray& array, RowRange rows,
                                 std::span<std::byte> destination);

}  // namespace raydp
