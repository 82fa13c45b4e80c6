#include "core/array_copy.h"

#include <cstring>
#include <string>

#include "core/array_layout.h"
#include "core/bitmap.h"
#include "core/error.h"

namespace raydp {

namespace {

constexpr std::int64_t kOffsetSize = sizeof(std::int32_t);

std::int64_t aligned(std::int64_t bytes) {
  constexpr auto kAlignment = static_cast<std::int64_t>(kBufferAlignment);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// The offset of logical row `row`; an array without rows need not have an offsets buffer.
std::int64_t offset_at(const ArrowArray& array, std::int64_t row) {
  const auto* offsets = static_cast<const std::int32_t*>(array.buffers[1]);
  return offsets == nullptr ? 0 : offsets[array.offset + row];
}

RowRange values_of(const ArrowArray& array, RowRange rows) {
  const std::int64_t first = offset_at(array, rows.from);
  return {.from = first, .count = offset_at(array, rows.from + rows.count) - first};
}

// A struct's offset applies to its children as well; a list's offset does not.
RowRange fields_of(const ArrowArray& array, RowRange rows) {
  return {.from = array.offset + rows.from, .count = rows.count};
}

bool may_have_nulls(const Field& field, const ArrowArray& array) {
  return field.layout != Layout::null && array.buffers[0] != nullptr && array.null_count != 0;
}

// Walks an array tree and gives each buffer its place, one after another. With memory it copies the
// buffers; without, it only counts bytes. Both use the same walk, so they always agree.
class Placement {
 public:
  Placement() = default;
  Placement(std::span<std::byte> memory, std::vector<ArrayNode>* nodes)
      : memory_(memory.data()), capacity_(std::ssize(memory)), nodes_(nodes) {}

  std::int64_t used() const { return used_; }

  void place(const Field& field, const ArrowArray& array, RowRange rows) {
    ArrayNode node{.length = rows.count, .n_buffers = buffer_count(field.layout)};
    const std::size_t index = nodes_ == nullptr ? 0 : nodes_->size();
    if (nodes_ != nullptr) nodes_->push_back(node);
    place_validity(field, array, rows, node);
    place_values(field, array, rows, node);
    if (nodes_ != nullptr) (*nodes_)[index] = node;
    place_children(field, array, rows);
  }

 private:
  bool copying() const { return memory_ != nullptr; }

  BufferRange reserve(std::int64_t size) {
    const BufferRange range{.offset = static_cast<std::uint64_t>(used_),
                            .size = static_cast<std::uint64_t>(size)};
    used_ += aligned(size);
    if (copying() && used_ > capacity_) {
      throw Error(ErrorCode::invalid_argument, "the rows to copy do not fit into the segment: " +
                                                   std::to_string(capacity_) + " bytes");
    }
    return range;
  }

  std::byte* at(const BufferRange& range) const { return memory_ + range.offset; }

  BufferRange copy_bytes(const void* source, std::int64_t from, std::int64_t size) {
    const BufferRange range = reserve(size);
    if (copying() && size > 0) {
      std::memcpy(at(range), static_cast<const std::byte*>(source) + from,
                  static_cast<std::size_t>(size));
    }
    return range;
  }

  BufferRange copy_bitmap(const void* source, std::int64_t from, std::int64_t count) {
    const BufferRange range = reserve(bitmap_bytes(count));
    if (copying() && count > 0) {
      copy_bits(static_cast<const std::uint8_t*>(source), from, count,
                reinterpret_cast<std::uint8_t*>(at(range)));
    }
    return range;
  }

  BufferRange copy_offsets(const ArrowArray& array, RowRange rows) {
    const BufferRange range = reserve((rows.count + 1) * kOffsetSize);
    if (!copying()) return range;
    auto* out = reinterpret_cast<std::int32_t*>(at(range));
    const auto* offsets = static_cast<const std::int32_t*>(array.buffers[1]);
    if (offsets == nullptr) {
      out[0] = 0;
      return range;
    }
    offsets += array.offset + rows.from;
    const std::int32_t first = offsets[0];
    unsigned falling = 0;
    out[0] = 0;
    for (std::int64_t i = 0; i < rows.count; ++i) {
      falling |= static_cast<unsigned>(offsets[i + 1] < offsets[i]);
      out[i + 1] = offsets[i + 1] - first;
    }
    if (falling != 0) {
      throw Error(ErrorCode::invalid_argument,
                  "a block is damaged: the offsets of one of its columns fall");
    }
    return range;
  }

  void place_validity(const Field& field, const ArrowArray& array, RowRange rows, ArrayNode& node) {
    if (field.layout == Layout::null) node.null_count = rows.count;
    if (!may_have_nulls(field, array)) return;
    const BufferRange range = copy_bitmap(array.buffers[0], array.offset + rows.from, rows.count);
    if (!copying()) return;
    node.null_count =
        rows.count - count_ones(reinterpret_cast<const std::uint8_t*>(at(range)), rows.count);
    if (node.null_count > 0) node.buffers[0] = range;
  }

  void place_values(const Field& field, const ArrowArray& array, RowRange rows, ArrayNode& node) {
    switch (field.layout) {
      case Layout::null:
      case Layout::structure:
        return;
      case Layout::boolean:
        node.buffers[1] = copy_bitmap(array.buffers[1], array.offset + rows.from, rows.count);
        return;
      case Layout::fixed_width:
        node.buffers[1] =
            copy_bytes(array.buffers[1], (array.offset + rows.from) * field.byte_width,
                       rows.count * field.byte_width);
        return;
      case Layout::list:
      case Layout::map:
        node.buffers[1] = copy_offsets(array, rows);
        return;
      case Layout::variable_width: {
        const RowRange values = values_of(array, rows);
        node.buffers[1] = copy_offsets(array, rows);
        node.buffers[2] = copy_bytes(array.buffers[2], values.from, values.count);
        return;
      }
    }
  }

  void place_children(const Field& field, const ArrowArray& array, RowRange rows) {
    if (field.children.empty()) return;
    const RowRange inner =
        field.layout == Layout::structure ? fields_of(array, rows) : values_of(array, rows);
    for (std::size_t i = 0; i < field.children.size(); ++i) {
      place(field.children[i], *array.children[i], inner);
    }
  }

  std::byte* memory_ = nullptr;
  std::int64_t capacity_ = 0;
  std::vector<ArrayNode>* nodes_ = nullptr;
  std::int64_t used_ = 0;
};

void place_columns(Placement& placement, const Field& batch, const ArrowArray& array,
                   RowRange rows) {
  const RowRange inner = fields_of(array, rows);
  for (std::size_t i = 0; i < batch.children.size(); ++i) {
    placement.place(batch.children[i], *array.children[i], inner);
  }
}

// How many rows of its children an array refers to.
std::int64_t rows_of_children(const Field& field, const ArrowArray& array) {
  if (field.layout == Layout::structure) return array.offset + array.length;
  return field.children.empty() ? 0 : offset_at(array, array.length);
}

void check_shape(const Field& field, const ArrowArray& array, const std::string& path) {
  if (array.n_buffers != static_cast<std::int64_t>(buffer_count(field.layout)) ||
      array.n_children != std::ssize(field.children) || array.dictionary != nullptr ||
      array.length < 0 || array.offset < 0) {
    throw Error(ErrorCode::invalid_argument,
                "an Arrow array does not match its schema; column: " + path);
  }
  const std::int64_t needed = rows_of_children(field, array);
  for (std::size_t i = 0; i < field.children.size(); ++i) {
    const Field& child = field.children[i];
    const std::string child_path = path.empty() ? child.name : path + "." + child.name;
    check_shape(child, *array.children[i], child_path);
    if (array.children[i]->length < needed) {
      throw Error(ErrorCode::invalid_argument,
                  "a block is damaged: column " + child_path + " has " +
                      std::to_string(array.children[i]->length) + " rows where " +
                      std::to_string(needed) + " are needed");
    }
  }
}

}  // namespace

void check_batch(const Field& batch, const ArrowArray& array) {
  check_shape(batch, array, "");
  if (array.buffers[0] == nullptr || array.null_count == 0) return;
  const auto* validity = static_cast<const std::uint8_t*>(array.buffers[0]);
  const std::int64_t end = array.offset + array.length;
  if (count_ones(validity, end) - count_ones(validity, array.offset) != array.length) {
    throw Error(
        ErrorCode::invalid_argument,
        "a struct array with null rows is not a record batch; make its fields null instead");
  }
}

std::int64_t bytes_needed(const Field& batch, const ArrowArray& array, RowRange rows) {
  Placement placement;
  place_columns(placement, batch, array, rows);
  return placement.used();
}

std::int64_t rows_that_fit(const Field& batch, const ArrowArray& array, RowRange wanted,
                           std::uint64_t capacity) {
  const auto fits = [&](std::int64_t count) {
    const std::int64_t bytes = bytes_needed(batch, array, {.from = wanted.from, .count = count});
    return static_cast<std::uint64_t>(bytes) <= capacity;
  };
  if (fits(wanted.count)) return wanted.count;
  std::int64_t fitting = 0;
  std::int64_t too_many = wanted.count;
  while (too_many - fitting > 1) {
    const std::int64_t middle = fitting + (too_many - fitting) / 2;
    (fits(middle) ? fitting : too_many) = middle;
  }
  return fitting;
}

std::vector<ArrayNode> copy_rows(const Field& batch, const ArrowArray& array, RowRange rows,
                                 std::span<std::byte> destination) {
  std::vector<ArrayNode> nodes;
  nodes.reserve(node_count(batch) - 1);
  Placement placement(destination, &nodes);
  place_columns(placement, batch, array, rows);
  return nodes;
}

}  // namespace raydp
