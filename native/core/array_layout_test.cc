#include "core/array_layout.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/array_copy.h"
#include "core/error.h"
#include "core/testing/sample_array.h"

namespace raydp {
namespace {

using testing::make_batch;
using testing::make_field;

constexpr std::int64_t kRows = 100;

// A valid batch in a segment; each test breaks it in one place.
class LayoutTest : public ::testing::Test {
 protected:
  void fill(Field batch) {
    batch_ = std::move(batch);
    testing::Random random(7);
    const testing::SampleArray sample(batch_, kRows, random, false);
    const auto size = static_cast<std::uint64_t>(
        bytes_needed(batch_, sample.array(), {.from = 0, .count = kRows}));
    mapping_ = Mapping::map(create_segment_file(size), size, memory_);
    nodes_ = copy_rows(batch_, sample.array(), {.from = 0, .count = kRows}, mapping_->bytes());
    check_nodes(batch_, kRows, nodes_, mapping_->bytes());
  }

  std::string violation() {
    try {
      check_nodes(batch_, kRows, nodes_, mapping_->bytes());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::protocol);
      return error.what();
    }
    return "";
  }

  std::int32_t* offsets(std::size_t node) {
    return reinterpret_cast<std::int32_t*>(mapping_->bytes().data() +
                                           nodes_[node].buffers[1].offset);
  }

  const std::shared_ptr<MappedMemory> memory_ = std::make_shared<MappedMemory>();
  Field batch_;
  std::shared_ptr<Mapping> mapping_;
  std::vector<ArrayNode> nodes_;
};

TEST_F(LayoutTest, EveryChangeOfANodeThatLeavesTheSegmentIsRefused) {
  fill(testing::every_type());
  const std::vector<ArrayNode> good = nodes_;
  const std::uint64_t end = mapping_->bytes().size();
  for (std::size_t n = 0; n < good.size(); ++n) {
    for (std::size_t b = 0; b < good[n].n_buffers; ++b) {
      if (good[n].buffers[b].absent() || good[n].buffers[b].size == 0) continue;
      for (const BufferRange& bad :
           {BufferRange{end, 64}, BufferRange{end - 64, ~0ULL}, BufferRange{~0ULL - 63, 128},
            BufferRange{0, end + 1}, BufferRange{good[n].buffers[b].offset + 1, 1},
            BufferRange{good[n].buffers[b].offset, good[n].buffers[b].size - 1}, BufferRange{}}) {
        nodes_ = good;
        nodes_[n].buffers[b] = bad;
        // A validity bitmap may be absent, and one byte of it may be enough.
        if (b == 0 && (bad.absent() || bad.size == good[n].buffers[b].size - 1)) continue;
        EXPECT_NE(violation(), "") << n << " " << b << " " << bad.offset << " " << bad.size;
      }
    }
    for (const std::int64_t length :
         {std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX, INT64_MIN}) {
      nodes_ = good;
      nodes_[n].length = length;
      if (batch_.children[0].layout == Layout::null && n == 0 && length > kRows) continue;
      EXPECT_NE(violation(), "") << n << " " << length;
    }
    for (const std::int64_t nulls : {std::int64_t{-2}, good[n].length + 1, INT64_MAX}) {
      nodes_ = good;
      nodes_[n].null_count = nulls;
      EXPECT_NE(violation(), "") << n << " " << nulls;
    }
    nodes_ = good;
    nodes_[n].n_buffers = (nodes_[n].n_buffers + 1) % 4;
    EXPECT_NE(violation(), "") << n;
  }
}

TEST_F(LayoutTest, NodesMustMatchTheSchema) {
  fill(testing::every_type());
  nodes_.pop_back();
  EXPECT_NE(violation(), "");
  nodes_.resize(nodes_.size() + 2);
  EXPECT_NE(violation(), "");
  EXPECT_THROW(check_nodes(batch_, ~0ULL, nodes_, mapping_->bytes()), Error);
}

TEST_F(LayoutTest, OffsetsMustRiseInsideTheData) {
  fill(make_batch({make_field("text", "u")}));
  const std::int32_t last = offsets(0)[kRows];
  offsets(0)[0] = -1;
  EXPECT_EQ(violation(), "column text: has offsets that are negative or fall");
  offsets(0)[0] = 0;
  const std::int32_t middle = offsets(0)[50];
  offsets(0)[50] = INT32_MAX;
  EXPECT_NE(violation(), "");
  offsets(0)[50] = INT32_MIN;
  EXPECT_NE(violation(), "");
  offsets(0)[50] = middle;
  EXPECT_EQ(violation(), "");
  offsets(0)[kRows] = last + 1;
  EXPECT_NE(violation(), "");
}

TEST_F(LayoutTest, ChildrenMustBeLongEnough) {
  fill(make_batch({make_field("list", "+l", {make_field("element", "l")}),
                   make_field("pair", "+s", {make_field("x", "l")})}));
  const std::vector<ArrayNode> good = nodes_;
  for (const std::size_t child : {1U, 3U}) {
    nodes_ = good;
    nodes_[child].length -= 1;
    EXPECT_NE(violation().find(child == 1 ? "list.element" : "pair.x"), std::string::npos);
  }
}

TEST_F(LayoutTest, NullCountsMustBeTrue) {
  fill(make_batch({make_field("number", "l")}));
  // The values also serve as a bitmap of 100 bits.
  nodes_[0].buffers[0] = {nodes_[0].buffers[1].offset, 13};
  auto* bits =
      reinterpret_cast<std::uint8_t*>(mapping_->bytes().data() + nodes_[0].buffers[0].offset);
  std::memset(bits, 0xFE, 13);
  nodes_[0].null_count = 13;
  EXPECT_EQ(violation(), "");
  nodes_[0].null_count = -1;
  EXPECT_EQ(violation(), "");
  nodes_[0].null_count = 12;
  EXPECT_NE(violation(), "");
  nodes_[0].buffers[0] = {};
  EXPECT_NE(violation(), "");
}

TEST_F(LayoutTest, MapsHaveNoNullKeysOrEntries) {
  Field entries = make_field("entries", "+s", {make_field("key", "l"), make_field("value", "l")});
  entries.flags = entries.children[0].flags = 0;
  fill(make_batch({make_field("map", "+m", {entries})}));
  const std::vector<ArrayNode> good = nodes_;
  for (const std::size_t node : {1U, 2U}) {
    for (const bool counted : {false, true}) {
      nodes_ = good;
      // The map's offsets also serve as the bitmap: most of their bits are zero.
      nodes_[node].buffers[0] = {good[0].buffers[1].offset, good[0].buffers[1].size};
      if (counted) nodes_[node].null_count = 1;
      EXPECT_NE(violation(), "") << node;
    }
  }
}

TEST_F(LayoutTest, WithoutASchemaOnlyTheBoundsAreChecked) {
  fill(testing::every_type());
  check_buffers(nodes_, mapping_->bytes());
  const std::vector<ArrayNode> good = nodes_;
  nodes_[1].buffers[1].size = mapping_->bytes().size() + 1;
  EXPECT_THROW(check_buffers(nodes_, mapping_->bytes()), Error);
  nodes_ = good;
  nodes_[1].length = -1;
  EXPECT_THROW(check_buffers(nodes_, mapping_->bytes()), Error);
}

TEST_F(LayoutTest, ExportedArraysKeepTheMappingAlsoWhenAChildIsMovedOut) {
  fill(testing::every_type());
  ArrowArray batch{};
  export_batch(batch_, kRows, nodes_, mapping_, &batch);
  mapping_.reset();
  EXPECT_EQ(memory_->segments, 1U);
  const std::size_t column = 9;  // utf8
  ArrowArray moved = *batch.children[column];
  batch.children[column]->release = nullptr;
  batch.release(&batch);
  EXPECT_EQ(batch.release, nullptr);
  EXPECT_EQ(memory_->segments, 1U);
  EXPECT_FALSE(testing::render(batch_.children[column], moved, kRows - 1).empty());
  moved.release(&moved);
  EXPECT_EQ(memory_->segments, 0U);
}

TEST_F(LayoutTest, BatchesWithoutRowsNeedNoBuffers) {
  fill(testing::every_type());
  for (ArrayNode& node : nodes_) node = {.length = 0, .null_count = 0, .n_buffers = node.n_buffers};
  check_nodes(batch_, 0, nodes_, mapping_->bytes());
  ArrowArray batch{};
  export_batch(batch_, 0, nodes_, mapping_, &batch);
  const ArrowArray& text = *batch.children[9];
  ASSERT_NE(text.buffers[1], nullptr);
  EXPECT_EQ(*static_cast<const std::int32_t*>(text.buffers[1]), 0);
  batch.release(&batch);
}

}  // namespace
}  // namespace raydp
