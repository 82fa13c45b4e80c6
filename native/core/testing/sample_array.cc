#include "core/testing/sample_array.h"

#include <cstring>

#include "core/bitmap.h"

namespace raydp::testing {

namespace {

std::int64_t below(Random& random, std::int64_t limit) {
  return std::uniform_int_distribution<std::int64_t>(0, limit - 1)(random);
}

bool bit(const void* bits, std::int64_t index) {
  return (static_cast<const std::uint8_t*>(bits)[index / 8] >> (index % 8) & 1) != 0;
}

std::int32_t offset_of(const ArrowArray& array, std::int64_t row) {
  std::int32_t value = 0;
  std::memcpy(&value, static_cast<const std::int32_t*>(array.buffers[1]) + array.offset + row,
              sizeof value);
  return value;
}

std::string hex(const void* bytes, std::int64_t from, std::int64_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::uint8_t byte = static_cast<const std::uint8_t*>(bytes)[from + i];
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

Field make_field(const std::string& name, const std::string& format, std::vector<Field> children) {
  Field wrapper;
  // Through the C structs: layouts and widths come only from the code under test.
  Field bare{.name = name, .format = format, .metadata = {}, .children = std::move(children)};
  Field batch{.name = "", .format = "+s", .metadata = {}, .children = {}};
  batch.children.push_back(std::move(bare));
  ArrowSchema schema{};
  export_schema(batch, &schema);
  wrapper = import_schema(schema);
  schema.release(&schema);
  return wrapper.children[0];
}

Field make_batch(std::vector<Field> columns) {
  return Field{.name = "",
               .format = "+s",
               .metadata = {},
               .layout = Layout::structure,
               .children = std::move(columns)};
}

Field every_type() {
  std::vector<Field> columns;
  for (const FlatType& type : kFlatTypes) {
    columns.push_back(make_field(std::string("column ") + type.format, type.format));
  }
  Field text = make_field("element", "u");
  columns.push_back(make_field("list", "+l", {text}));
  columns.push_back(make_field("structure", "+s", {make_field("x", "i"), text}));
  Field entries = make_field("entries", "+s", {make_field("key", "l"), make_field("value", "u")});
  entries.flags = entries.children[0].flags = 0;
  columns.push_back(make_field("map", "+m", {entries}));
  columns.push_back(make_field("deep", "+l", {make_field("element", "+l", {columns.back()})}));
  return make_batch(std::move(columns));
}

Field random_field(Random& random, const std::string& name, int depth) {
  switch (depth == 0 ? 0 : below(random, 6)) {
    case 3:
      return make_field(name, "+l", {random_field(random, "element", depth - 1)});
    case 4: {
      std::vector<Field> children;
      for (std::int64_t i = below(random, 4); i > 0; --i) {
        children.push_back(random_field(random, "f" + std::to_string(i), depth - 1));
      }
      return make_field(name, "+s", std::move(children));
    }
    case 5: {
      Field entries = make_field(
          "entries", "+s", {make_field("key", "u"), random_field(random, "value", depth - 1)});
      entries.flags = entries.children[0].flags = 0;
      return make_field(name, "+m", {entries});
    }
    default:
      return make_field(name, kFlatTypes[below(random, std::ssize(kFlatTypes))].format);
  }
}

std::vector<std::uint8_t>& SampleArray::add_buffer(std::int64_t bytes, Random& random) {
  storage_.push_back(std::make_unique<std::vector<std::uint8_t>>(static_cast<std::size_t>(bytes)));
  for (std::uint8_t& byte : *storage_.back()) byte = static_cast<std::uint8_t>(random());
  buffers_.push_back(storage_.back()->data());
  return *storage_.back();
}

std::int64_t SampleArray::add_offsets(std::int64_t rows, Random& random) {
  auto& bytes = add_buffer((rows + 1) * 4, random);
  auto value = static_cast<std::int32_t>(below(random, 5));
  for (std::int64_t i = 0; i <= rows; ++i) {
    std::memcpy(bytes.data() + 4 * i, &value, sizeof value);
    if (i < rows) value += static_cast<std::int32_t>(below(random, 4));
  }
  return value;
}

SampleArray::SampleArray(const Field& field, std::int64_t length, Random& random, bool nulls) {
  const std::int64_t offset = below(random, 3) == 0 ? 0 : below(random, 70);
  const std::int64_t rows = offset + length;
  std::int64_t child_rows = rows;
  nulls = nulls && field.flags != 0 && below(random, 3) != 0;
  if (field.layout != Layout::null) {
    if (nulls) {
      add_buffer(bitmap_bytes(rows), random);
    } else {
      buffers_.push_back(nullptr);
    }
  }
  switch (field.layout) {
    case Layout::null:
    case Layout::structure:
      break;
    case Layout::boolean:
      add_buffer(bitmap_bytes(rows), random);
      break;
    case Layout::fixed_width:
      add_buffer(rows * field.byte_width, random);
      break;
    case Layout::variable_width:
      add_buffer(add_offsets(rows, random), random);
      break;
    case Layout::list:
    case Layout::map:
      child_rows = add_offsets(rows, random);
      break;
  }
  for (const Field& child : field.children) {
    children_.push_back(
        std::make_unique<SampleArray>(child, child_rows, random, nulls || child.flags != 0));
    child_pointers_.push_back(&children_.back()->array_);
  }
  const std::int64_t nulls_without_bitmap = field.layout == Layout::null ? length : 0;
  array_ = {.length = length,
            .null_count = nulls ? -1 : nulls_without_bitmap,
            .offset = offset,
            .n_buffers = std::ssize(buffers_),
            .n_children = std::ssize(children_),
            .buffers = buffers_.data(),
            .children = child_pointers_.data(),
            .dictionary = nullptr,
            .release = nullptr,
            .private_data = nullptr};
}

ArrowArray array_of(std::int64_t length, std::int64_t null_count, std::span<const void*> buffers,
                    std::span<ArrowArray*> children) {
  ArrowArray array{};
  array.length = length;
  array.null_count = null_count;
  array.n_buffers = std::ssize(buffers);
  array.buffers = buffers.data();
  array.n_children = std::ssize(children);
  array.children = children.data();
  return array;
}

std::string render(const Field& field, const ArrowArray& array, std::int64_t row) {
  const std::int64_t at = array.offset + row;
  if (field.layout == Layout::null) return "null";
  if (array.buffers[0] != nullptr && !bit(array.buffers[0], at)) return "null";
  switch (field.layout) {
    case Layout::null:
      return "null";
    case Layout::boolean:
      return bit(array.buffers[1], at) ? "true" : "false";
    case Layout::fixed_width:
      return hex(array.buffers[1], at * field.byte_width, field.byte_width);
    case Layout::variable_width: {
      const std::int32_t first = offset_of(array, row);
      return "'" + hex(array.buffers[2], first, offset_of(array, row + 1) - first) + "'";
    }
    case Layout::list:
    case Layout::map: {
      std::string text = "[";
      for (std::int32_t i = offset_of(array, row); i < offset_of(array, row + 1); ++i) {
        text += render(field.children[0], *array.children[0], i) + ",";
      }
      return text + "]";
    }
    case Layout::structure: {
      std::string text = "{";
      for (std::size_t i = 0; i < field.children.size(); ++i) {
        text += render(field.children[i], *array.children[i], at) + ",";
      }
      return text + "}";
    }
  }
  return "";
}

}  // namespace raydp::testing
