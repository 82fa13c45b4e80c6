#include "core/arrow_schema.h"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace raydp {

namespace {

struct TypeLayout {
  Layout layout;
  std::int64_t byte_width = 0;
};

bool is_decimal128(std::string_view format) {
  if (!format.starts_with("d:")) return false;
  const std::size_t first = format.find(',');
  if (first == std::string_view::npos) return false;
  const std::size_t second = format.find(',', first + 1);
  return second == std::string_view::npos || format.substr(second + 1) == "128";
}

std::optional<TypeLayout> layout_of(std::string_view format) {
  static constexpr std::array<std::pair<std::string_view, TypeLayout>, 16> kTypes{{
      {"n", {Layout::null}},
      {"b", {Layout::boolean}},
      {"c", {Layout::fixed_width, 1}},
      {"s", {Layout::fixed_width, 2}},
      {"i", {Layout::fixed_width, 4}},
      {"l", {Layout::fixed_width, 8}},
      {"f", {Layout::fixed_width, 4}},
      {"g", {Layout::fixed_width, 8}},
      {"tdD", {Layout::fixed_width, 4}},
      {"ttn", {Layout::fixed_width, 8}},
      {"tDu", {Layout::fixed_width, 8}},
      {"u", {Layout::variable_width}},
      {"z", {Layout::variable_width}},
      {"+l", {Layout::list}},
      {"+m", {Layout::map}},
      {"+s", {Layout::structure}},
  }};
  for (const auto& [known, type] : kTypes) {
    if (known == format) return type;
  }
  if (is_decimal128(format)) return TypeLayout{Layout::fixed_width, 16};
  if (format.starts_with("tsu:")) return TypeLayout{Layout::fixed_width, 8};
  return std::nullopt;
}

// Arrow's encoding: int32 number of pairs, then per pair two strings, each after its int32 length.
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
      if (count != 1) unsupported(path, "is a list without exactly one child");
      return;
    case Layout::map:
      if (count != 1 || field.children[0].layout != Layout::structure ||
          field.children[0].children.size() != 2) {
        unsupported(path, "is a map whose entries are not a struct of key and value");
      }
      return;
    default:
      if (count != 0) unsupported(path, "has children although its type has none: " + field.format);
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
    unsupported(path, "has a type that the exchange does not carry; cast it first. Arrow format: " +
                          field.format +
                          (schema.dictionary == nullptr ? "" : " (dictionary-encoded)"));
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
