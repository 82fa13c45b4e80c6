#include "core/arrow_schema.h"

#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace raydp {

namespace {

struct TypeLayout {
  Layout layout;
  std::int64_t byte_width = 0;
};

// "d:19,10" or "d:19,10,128": precision, scale and, if it is not 128, the number of bits.
bool is_decimal128(std::string_view format) {
  if (!format.starts_with("d:")) return false;
  format.remove_prefix(2);
  const std::size_t comma = format.find(',');
  if (comma == std::string_view::npos) return false;
  if (format.ends_with(",128") && format.find(',', comma + 1) != std::string_view::npos) {
    format.remove_suffix(4);
  }
  const auto is_integer = [](std::string_view text) {
    std::int32_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    return problem == std::errc() && end == text.data() + text.size();
  };
  return is_integer(format.substr(0, comma)) && is_integer(format.substr(comma + 1));
}

// The canonical types of docs/types.md. A type that is not here has no layout; there is no default.
std::optional<TypeLayout> layout_of(std::string_view format) {
  static constexpr std::array<std::pair<std::string_view, TypeLayout>, 16> kTypes{{
      {"n", {Layout::null}},              // null
      {"b", {Layout::boolean}},           // bool
      {"c", {Layout::fixed_width, 1}},    // int8
      {"s", {Layout::fixed_width, 2}},    // int16
      {"i", {Layout::fixed_width, 4}},    // int32
      {"l", {Layout::fixed_width, 8}},    // int64
      {"f", {Layout::fixed_width, 4}},    // float32
      {"g", {Layout::fixed_width, 8}},    // float64
      {"tdD", {Layout::fixed_width, 4}},  // date32
      {"ttn", {Layout::fixed_width, 8}},  // time64[ns]
      {"tDu", {Layout::fixed_width, 8}},  // duration[us]
      {"u", {Layout::variable_width}},    // utf8
      {"z", {Layout::variable_width}},    // binary
      {"+l", {Layout::list}},             // list
      {"+m", {Layout::map}},              // map
      {"+s", {Layout::structure}},        // struct
  }};
  for (const auto& [known, type] : kTypes) {
    if (known == format) return type;
  }
  if (is_decimal128(format)) return TypeLayout{Layout::fixed_width, 16};
  if (format.starts_with("tsu:")) return TypeLayout{Layout::fixed_width, 8};  // timestamp[us, …]
  return std::nullopt;
}

// Arrow's encoding: the int32 number of pairs, then two strings per pair, each after its int32
// length.
std::string copy_metadata(const char* metadata) {
  if (metadata == nullptr) return {};
  std::size_t size = 0;
  const auto next = [&] {
    std::int32_t value = 0;
    std::memcpy(&value, metadata + size, sizeof value);
    size += sizeof value;
    return value;
  };
  const std::int32_t pairs = next();
  for (std::int32_t i = 0; i < 2 * pairs; ++i) {
    const std::int32_t length = next();
    size += static_cast<std::size_t>(length);
  }
  return {metadata, size};
}

[[noreturn]] void unsupported(const std::string& path, const std::string& problem) {
  throw Error(
      ErrorCode::invalid_argument,
      "column " + (path.empty() ? std::string("(the batch itself)") : path) + " " + problem);
}

void check_children(const Field& field, const std::string& path) {
  const std::size_t count = field.children.size();
  switch (field.layout) {
    case Layout::structure:
      return;
    case Layout::list:
      if (count != 1) unsupported(path, "is a list that does not have exactly one child");
      return;
    case Layout::map:
      if (count != 1 || field.children[0].layout != Layout::structure ||
          field.children[0].children.size() != 2) {
        unsupported(path, "is a map whose entries are not a struct of key and value");
      }
      return;
    case Layout::null:
    case Layout::boolean:
    case Layout::fixed_width:
    case Layout::variable_width:
      if (count != 0) unsupported(path, "has children although its type has none: " + field.format);
      return;
  }
}

Field import_field(const ArrowSchema& schema, const std::string& path, int depth) {
  if (depth > kMaxNesting) {
    unsupported(path, "is nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  Field field;
  field.name = schema.name == nullptr ? "" : schema.name;
  field.format = schema.format == nullptr ? "" : schema.format;
  field.metadata = copy_metadata(schema.metadata);
  field.flags = schema.flags;
  const std::optional<TypeLayout> type = layout_of(field.format);
  if (schema.dictionary != nullptr || !type) {
    unsupported(path,
                "has a type that the exchange does not support; cast it first. Arrow format: " +
                    field.format + (schema.dictionary == nullptr ? "" : " (dictionary-encoded)"));
  }
  field.layout = type->layout;
  field.byte_width = type->byte_width;
  field.children.reserve(static_cast<std::size_t>(schema.n_children));
  for (std::int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema& child = *schema.children[i];
    const std::string name = child.name == nullptr ? "" : child.name;
    field.children.push_back(
        import_field(child, path.empty() ? name : path + "." + name, depth + 1));
  }
  check_children(field, path);
  return field;
}

// What an exported schema keeps alive; freed by its release callback.
struct ExportedSchema {
  std::string name;
  std::string format;
  std::string metadata;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;

  ~ExportedSchema() {
    for (ArrowSchema& child : children) {
      // A consumer may have moved a child out, which leaves it without a release callback.
      if (child.release != nullptr) child.release(&child);
    }
  }
};

void release_schema(ArrowSchema* schema) {
  delete static_cast<ExportedSchema*>(schema->private_data);
  schema->release = nullptr;
}

}  // namespace

std::uint32_t buffer_count(Layout layout) noexcept {
  switch (layout) {
    case Layout::null:
      return 0;
    case Layout::structure:
      return 1;
    case Layout::boolean:
    case Layout::fixed_width:
    case Layout::list:
    case Layout::map:
      return 2;
    case Layout::variable_width:
      return 3;
  }
  return 0;
}

Field import_schema(const ArrowSchema& schema) {
  Field root = import_field(schema, "", 0);
  if (root.layout != Layout::structure) {
    unsupported("", "is not a record batch but a single array. Arrow format: " + root.format);
  }
  return root;
}

void export_schema(const Field& field, ArrowSchema* out) {
  auto owned = std::make_unique<ExportedSchema>();
  owned->name = field.name;
  owned->format = field.format;
  owned->metadata = field.metadata;
  owned->children.resize(field.children.size());  // zeroed: nothing to release yet
  for (std::size_t i = 0; i < field.children.size(); ++i) {
    export_schema(field.children[i], &owned->children[i]);
    owned->child_pointers.push_back(&owned->children[i]);
  }
  *out = ArrowSchema{.format = owned->format.c_str(),
                     .name = owned->name.c_str(),
                     .metadata = owned->metadata.empty() ? nullptr : owned->metadata.c_str(),
                     .flags = field.flags,
                     .n_children = std::ssize(owned->children),
                     .children = owned->child_pointers.data(),
                     .dictionary = nullptr,
                     .release = &release_schema,
                     .private_data = owned.get()};
  static_cast<void>(owned.release());  // out owns it now
}

std::size_t node_count(const Field& field) noexcept {
  std::size_t count = 1;
  for (const Field& child : field.children) count += node_count(child);
  return count;
}

}  // namespace raydp
