#include "core/array_layout.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "core/bitmap.h"
#include "core/error.h"

namespace raydp {

namespace {

constexpr std::uint64_t kOffsetSize = sizeof(std::int32_t);

[[noreturn]] void refuse(const std::string& column, const std::string& problem) {
  throw Error(ErrorCode::protocol, "column " + column + ": " + problem);
}

bool inside(const BufferRange& buffer, std::span<const std::byte> segment) {
  return buffer.offset <= segment.size() && buffer.size <= segment.size() - buffer.offset;
}

// Free of branches, so the compiler can vectorise it.
bool rising(const std::int32_t* offsets, std::int64_t count) {
  unsigned bad = 0;
  for (std::int64_t i = 0; i < count; ++i)
    bad |= static_cast<unsigned>(offsets[i + 1] < offsets[i]);
  return bad == 0;
}

class NodeChecker {
 public:
  NodeChecker(std::span<const ArrayNode> nodes, std::span<const std::byte> segment)
      : nodes_(nodes), segment_(segment) {}

  // Checks the next node and its children; its array must have at least `least` rows, or exactly as
  // many when `exact`.
  const ArrayNode& check(const Field& field, const std::string& path, std::int64_t least,
                         bool exact) {
    const ArrayNode& node = nodes_[next_++];
    if (node.length < least || (exact && node.length != least)) {
      refuse(path, "has " + std::to_string(node.length) + " rows where " + std::to_string(least) +
                       " are needed");
    }
    if (node.n_buffers != buffer_count(field.layout)) {
      refuse(path,
             "has another number of buffers than its type: " + std::to_string(node.n_buffers));
    }
    check_nulls(field, path, node);
    check_values(field, path, node);
    return node;
  }

 private:
  // The buffer's start, or null when it is absent; it holds at least `least` bytes.
  const std::byte* buffer(const std::string& path, const ArrayNode& node, std::size_t index,
                          std::uint64_t least) const {
    const BufferRange& range = node.buffers.at(index);
    if (range.absent()) {
      if (least != 0) refuse(path, "lacks a required buffer; its index: " + std::to_string(index));
      return nullptr;
    }
    if (!inside(range, segment_) || range.size < least || range.offset % kBufferAlignment != 0) {
      refuse(path, "has a buffer that is outside the segment, too small or not aligned to " +
                       std::to_string(kBufferAlignment) + " bytes. Index " + std::to_string(index) +
                       ", offset " + std::to_string(range.offset) + ", size " +
                       std::to_string(range.size) + ", needed " + std::to_string(least) +
                       ", segment " + std::to_string(segment_.size()));
    }
    return segment_.data() + range.offset;
  }

  void check_nulls(const Field& field, const std::string& path, const ArrayNode& node) const {
    if (node.null_count < -1 || node.null_count > node.length) {
      refuse(path, "has an impossible null count: " + std::to_string(node.null_count));
    }
    if (field.layout == Layout::null) return;
    if (node.buffers[0].absent()) {
      if (node.null_count > 0) refuse(path, "has nulls but no validity bitmap");
      return;
    }
    const auto bytes = static_cast<std::uint64_t>(bitmap_bytes(node.length));
    const std::byte* bits = buffer(path, node, 0, bytes);
    // Consumers size their output by the null count: a wrong one is as dangerous as a wrong offset.
    if (node.null_count >= 0 && count_ones(reinterpret_cast<const std::uint8_t*>(bits),
                                           node.length) != node.length - node.null_count) {
      refuse(path, "has a null count that contradicts its validity bitmap: " +
                       std::to_string(node.null_count));
    }
  }

  // Checks all offsets and returns the last one. The first one is 0 or greater.
  std::int64_t check_offsets(const std::string& path, const ArrayNode& node) const {
    const auto count = static_cast<std::uint64_t>(node.length);
    if (count == 0) {
      buffer(path, node, 1, 0);
      return 0;
    }
    // This check also keeps the product below from overflowing.
    if (count >= segment_.size() / kOffsetSize) {
      refuse(path, "has more offsets than fit into the segment: " + std::to_string(count));
    }
    const std::byte* start = buffer(path, node, 1, (count + 1) * kOffsetSize);
    const auto* offsets = reinterpret_cast<const std::int32_t*>(start);
    if (offsets[0] < 0 || !rising(offsets, node.length)) {
      refuse(path, "has offsets that are negative or fall");
    }
    return offsets[node.length];
  }

  void check_values(const Field& field, const std::string& path, const ArrayNode& node) {
    const auto length = static_cast<std::uint64_t>(node.length);
    switch (field.layout) {
      case Layout::null:
        return;
      case Layout::boolean:
        buffer(path, node, 1, static_cast<std::uint64_t>(bitmap_bytes(node.length)));
        return;
      case Layout::fixed_width: {
        std::uint64_t bytes = 0;
        if (__builtin_mul_overflow(length, static_cast<std::uint64_t>(field.byte_width), &bytes)) {
          refuse(path, "has an impossible length: " + std::to_string(length));
        }
        buffer(path, node, 1, bytes);
        return;
      }
      case Layout::variable_width:
        buffer(path, node, 2, static_cast<std::uint64_t>(check_offsets(path, node)));
        return;
      case Layout::list:
      case Layout::map:
        check_list(field, path, node);
        return;
      case Layout::structure:
        for (const Field& child : field.children) {
          check(child, path + "." + child.name, node.length, false);
        }
        return;
    }
  }

  void check_list(const Field& field, const std::string& path, const ArrayNode& node) {
    const std::int64_t last = check_offsets(path, node);
    const Field& items = field.children[0];
    const std::size_t items_node = next_;
    check(items, path + "." + items.name, last, false);
    if (field.layout != Layout::map) return;
    // Arrow's readers assume that neither entries nor keys are null.
    for (const std::size_t index : {items_node, items_node + 1}) {
      if (has_nulls(nodes_[index])) refuse(path, "is a map with a null key or entry");
    }
  }

  bool has_nulls(const ArrayNode& node) const {
    if (node.null_count >= 0) return node.null_count > 0;
    if (node.n_buffers == 0) return node.length > 0;
    if (node.buffers[0].absent()) return false;
    const std::byte* bits = segment_.data() + node.buffers[0].offset;
    return count_ones(reinterpret_cast<const std::uint8_t*>(bits), node.length) != node.length;
  }

  std::span<const ArrayNode> nodes_;
  std::span<const std::byte> segment_;
  std::size_t next_ = 0;
};

// What one exported array keeps alive; freed by its release callback.
struct ExportedArray {
  std::shared_ptr<const Mapping> mapping;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;

  ~ExportedArray() {
    for (ArrowArray& child : children) {
      // A consumer may have moved a child out, which leaves it without a release callback.
      if (child.release != nullptr) child.release(&child);
    }
  }
};

void release_array(ArrowArray* array) {
  delete static_cast<ExportedArray*>(array->private_data);
  array->release = nullptr;
}

// Replaces a buffer that is absent because it would be empty: consumers need a pointer. Reads as
// one offset of 0.
alignas(kBufferAlignment) constexpr std::array<std::byte, kBufferAlignment> kEmptyBuffer{};

class BatchExporter {
 public:
  BatchExporter(std::span<const ArrayNode> nodes, std::shared_ptr<const Mapping> mapping)
      : nodes_(nodes), mapping_(std::move(mapping)) {}

  void export_node(const Field& field, ArrowArray* out) {
    const ArrayNode& node = nodes_[next_++];
    auto owned = std::make_unique<ExportedArray>();
    for (std::uint32_t i = 0; i < node.n_buffers; ++i) {
      owned->buffers.push_back(address(field, node, i));
    }
    export_children(field, *owned);
    std::int64_t null_count = node.null_count;
    if (field.layout == Layout::null) {
      null_count = node.length;
    } else if (owned->buffers[0] == nullptr) {
      null_count = 0;
    }
    fill(std::move(owned), node.length, null_count, out);
  }

  void export_root(const Field& batch, std::uint64_t rows, ArrowArray* out) {
    auto owned = std::make_unique<ExportedArray>();
    owned->buffers.push_back(nullptr);
    export_children(batch, *owned);
    fill(std::move(owned), static_cast<std::int64_t>(rows), 0, out);
  }

 private:
  const void* address(const Field& field, const ArrayNode& node, std::uint32_t index) const {
    const BufferRange& range = node.buffers.at(index);
    const bool offsets = index == 1 && field.layout >= Layout::variable_width;
    // Consumers may read the first offset of an array without rows; it may be absent.
    if (offsets && node.length == 0) return kEmptyBuffer.data();
    if (!range.absent()) return mapping_->bytes().data() + range.offset;
    return index == 0 ? nullptr : kEmptyBuffer.data();
  }

  void export_children(const Field& field, ExportedArray& owned) {
    owned.children.resize(field.children.size());  // zeroed: nothing to release yet
    for (std::size_t i = 0; i < field.children.size(); ++i) {
      export_node(field.children[i], &owned.children[i]);
      owned.child_pointers.push_back(&owned.children[i]);
    }
  }

  void fill(std::unique_ptr<ExportedArray> owned, std::int64_t length, std::int64_t null_count,
            ArrowArray* out) const {
    owned->mapping = mapping_;
    *out = ArrowArray{.length = length,
                      .null_count = null_count,
                      .offset = 0,
                      .n_buffers = std::ssize(owned->buffers),
                      .n_children = std::ssize(owned->children),
                      .buffers = owned->buffers.data(),
                      .children = owned->child_pointers.data(),
                      .dictionary = nullptr,
                      .release = &release_array,
                      .private_data = owned.get()};
    static_cast<void>(owned.release());  // out owns it now
  }

  std::span<const ArrayNode> nodes_;
  std::shared_ptr<const Mapping> mapping_;
  std::size_t next_ = 0;
};

}  // namespace

void check_nodes(const Field& batch, std::uint64_t rows, std::span<const ArrayNode> nodes,
                 std::span<const std::byte> segment) {
  if (rows > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw Error(ErrorCode::protocol,
                "a batch has an impossible number of rows: " + std::to_string(rows));
  }
  const std::size_t expected = node_count(batch) - 1;
  if (nodes.size() != expected) {
    throw Error(ErrorCode::protocol,
                "a batch does not match its schema: " + std::to_string(nodes.size()) +
                    " array nodes where " + std::to_string(expected) + " are expected");
  }
  NodeChecker checker(nodes, segment);
  for (const Field& column : batch.children) {
    checker.check(column, column.name, static_cast<std::int64_t>(rows), true);
  }
}

void check_buffers(std::span<const ArrayNode> nodes, std::span<const std::byte> segment) {
  for (const ArrayNode& node : nodes) {
    if (node.length < 0 || node.null_count < -1 || node.null_count > node.length) {
      throw Error(ErrorCode::protocol, "an array node has an impossible length or null count");
    }
    for (std::uint32_t i = 0; i < node.n_buffers; ++i) {
      const BufferRange& buffer = node.buffers.at(i);
      if (!buffer.absent() && !inside(buffer, segment)) {
        throw Error(ErrorCode::protocol, "a buffer is outside its segment: offset " +
                                             std::to_string(buffer.offset) + ", size " +
                                             std::to_string(buffer.size) + ", segment " +
                                             std::to_string(segment.size()));
      }
    }
  }
}

void export_batch(const Field& batch, std::uint64_t rows, std::span<const ArrayNode> nodes,
                  std::shared_ptr<const Mapping> mapping, ArrowArray* out) {
  BatchExporter(nodes, std::move(mapping)).export_root(batch, rows, out);
}

}  // namespace raydp
