#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/arrow_c_data.h"
#include "core/arrow_schema.h"
#include "core/message.h"
#include "core/segment.h"

namespace raydp {

/// Every buffer in a segment starts at a multiple of this many bytes.
inline constexpr std::uint64_t kBufferAlignment = 64;

/// Checks that nodes received from a peer describe a batch of this schema inside the segment: their
/// number and order, lengths, null counts, each buffer's place, size and alignment, offsets that
/// rise and stay inside the data, children long enough. After this check, reading the batch cannot
/// leave the segment. (The peer may not change the segment before it gets its answer.) Throws
/// `ErrorCode::protocol`, naming the column.
void check_nodes(const Field& batch, std::uint64_t rows, std::span<const ArrayNode> nodes,
                 std::span<const std::byte> segment);

/// Checks what needs no schema: every buffer is inside the segment and no count is negative. Throws
/// `ErrorCode::protocol`.
void check_buffers(std::span<const ArrayNode> nodes, std::span<const std::byte> segment);

/// Fills `out` with a struct array over the segment, without copying. `nodes` must have passed
/// `check_nodes`. The array and each of its children hold `mapping`, even after a child is moved
/// out. The release callback drops it and may run on any thread.
void export_batch(const Field& batch, std::uint64_t rows, std::span<const ArrayNode> nodes,
                  std::shared_ptr<const Mapping> mapping, ArrowArray* out);

}  // namespace raydp
