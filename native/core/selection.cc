#include "core/selection.h"

#include <utility>

#include "core/error.h"

namespace raydp {

namespace {

Error mismatch(const char* what) {
  return {ErrorCode::invalid_argument,
          std::string("the selection does not fit the columns: ") + what};
}

}  // namespace

Selection::Selection(const Field& batch, const ArrowArray& array,
                     std::span<const std::uint32_t> numbers)
    : numbers_(numbers), schema_(&batch), array_(&array) {
  if (numbers.empty()) return;
  std::vector<Kept> columns;
  columns.reserve(batch.children.size());
  for (std::size_t i = 0; i < batch.children.size(); ++i) {
    columns.push_back(keep(batch.children[i], *array.children[i], false));
  }
  if (!numbers_.empty()) throw mismatch("there are more numbers than columns");
  Kept root = with_children(batch, array, std::move(columns));
  own_schema_ = std::move(root.field);
  own_array_ = root.array;
  schema_ = &own_schema_;
  array_ = &own_array_;
}

std::uint32_t Selection::next() {
  if (numbers_.empty()) throw mismatch("there are too few numbers");
  const std::uint32_t number = numbers_.front();
  numbers_ = numbers_.subspan(1);
  return number;
}

Selection::Kept Selection::keep(const Field& field, const ArrowArray& array, bool is_entries) {
  const std::uint32_t count = next();
  if (count == 0) return {.field = field, .array = array};
  const std::size_t present = field.children.size();
  const bool may_lack_some = field.layout == Layout::structure && !is_entries;
  if (count > present || (!may_lack_some && count != present)) {
    throw mismatch("it selects fields of a type that is not a struct or has fewer fields");
  }
  std::vector<Kept> children;
  children.reserve(count);
  std::size_t after_last = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t index = next();
    if (index < after_last || index >= present)
      throw mismatch("it selects a field that does not exist");
    after_last = index + 1;
    children.push_back(
        keep(field.children[index], *array.children[index], field.layout == Layout::map));
  }
  return with_children(field, array, std::move(children));
}

Selection::Kept Selection::with_children(const Field& field, const ArrowArray& array,
                                         std::vector<Kept> children) {
  Kept kept{.field = {.name = field.name,
                      .format = field.format,
                      .metadata = field.metadata,
                      .flags = field.flags,
                      .layout = field.layout,
                      .byte_width = field.byte_width,
                      .children = {}},
            .array = array};
  std::vector<ArrowArray*>& pointers = children_.emplace_back();
  for (Kept& child : children) {
    kept.field.children.push_back(std::move(child.field));
    pointers.push_back(&arrays_.emplace_back(child.array));
  }
  kept.array.n_children = std::ssize(pointers);
  kept.array.children = pointers.data();
  return kept;
}

}  // namespace raydp
