#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"

namespace raydp {

/// A batch without some fields of its structs, at any depth. Points into the original batch, which
/// must outlive it.
class Selection {
 public:
  /// `numbers` describes what to keep of each column, in pre-order: 0 keeps the whole field;
  /// otherwise the number of children to keep, then for each of them, in rising order, its index
  /// and what to keep of it. Only structs can lose children, and a map's entries cannot. An empty
  /// list keeps everything. `array` must have passed `check_batch`. Throws `invalid_argument` for
  /// numbers that do not fit the batch.
  Selection(const Field& batch, const ArrowArray& array, std::span<const std::uint32_t> numbers);
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;

  const Field& schema() const noexcept { return *schema_; }
  const ArrowArray& array() const noexcept { return *array_; }

 private:
  struct Kept {
    Field field;
    ArrowArray array{};
  };

  std::uint32_t next();
  Kept keep(const Field& field, const ArrowArray& array, bool is_entries);
  Kept with_children(const Field& field, const ArrowArray& array, std::vector<Kept> children);

  std::span<const std::uint32_t> numbers_;
  const Field* schema_;
  const ArrowArray* array_;
  Field own_schema_;
  ArrowArray own_array_{};
  // What `own_array_` points to; a deque does not move its elements.
  std::deque<ArrowArray> arrays_;
  std::deque<std::vector<ArrowArray*>> children_;
};

}  // namespace raydp
