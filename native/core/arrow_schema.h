#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/arrow_c_data.h"

namespace raydp {

/// How the values of an array are stored; several Arrow types share one layout.
enum class Layout {
  null,            ///< no buffers
  boolean,         ///< validity, bits
  fixed_width,     ///< validity, values of `byte_width` bytes
  variable_width,  ///< validity, int32 offsets, bytes
  list,            ///< validity, int32 offsets; one child
  map,        ///< as list; the child is a struct without nulls of a key without nulls and a value
  structure,  ///< validity; any number of children
};

/// A field of a schema; the root of a schema is the struct that represents the record batch.
struct Field {
  std::string name;
  std::string format;    ///< as in the Arrow C data interface
  std::string metadata;  ///< encoded as there; empty for none
  std::int64_t flags = ARROW_FLAG_NULLABLE;
  Layout layout = Layout::null;
  std::int64_t byte_width = 0;  ///< of `fixed_width`
  std::vector<Field> children;
};

/// The deepest nesting of types that is accepted, as in Arrow's own readers.
inline constexpr int kMaxNesting = 64;

/// The number of buffers of an array with this layout.
std::uint32_t buffer_count(Layout layout) noexcept;

/// Copies a schema; `schema` still belongs to the caller. Throws `invalid_argument`, naming the
/// column and its type, for a type that is not canonical (docs/types.md), and for a root that is
/// not a struct.
Field import_schema(const ArrowSchema& schema);

/// Fills `out` with a copy that its release callback frees. The caller owns `out`.
void export_schema(const Field& field, ArrowSchema* out);

/// The number of nodes in the field's array tree, including its own.
std::size_t node_count(const Field& field) noexcept;

}  // namespace raydp
