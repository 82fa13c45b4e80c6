#include "core/array_copy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/array_layout.h"
#include "core/error.h"
#include "core/selection.h"
#include "core/testing/sample_array.h"

namespace raydp {
namespace {

using testing::array_of;
using testing::make_batch;
using testing::make_field;
using testing::Random;
using testing::render;
using testing::SampleArray;

const std::shared_ptr<MappedMemory> memory = std::make_shared<MappedMemory>();

std::shared_ptr<Mapping> segment_of(std::int64_t bytes) {
  const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 1));
  auto mapping = Mapping::map(create_segment_file(size), size, memory);
  std::memset(mapping->bytes().data(), 0xA5, size);
  return mapping;
}

// Copies, checks like a peer, exports, and compares value by value.
void expect_faithful_copy(const Field& batch, const ArrowArray& array, RowRange rows) {
  const std::int64_t size = bytes_needed(batch, array, rows);
  const auto mapping = segment_of(size);
  const std::vector<ArrayNode> nodes = copy_rows(batch, array, rows, mapping->bytes());
  const auto count = static_cast<std::uint64_t>(rows.count);
  check_nodes(batch, count, nodes, mapping->bytes());
  ArrowArray copy{};
  export_batch(batch, count, nodes, mapping, &copy);
  for (std::int64_t row = 0; row < rows.count; ++row) {
    ASSERT_EQ(render(batch, copy, row), render(batch, array, rows.from + row)) << row;
  }
  copy.release(&copy);
}

std::int64_t below(Random& random, std::int64_t limit) {
  return std::uniform_int_distribution<std::int64_t>(0, limit - 1)(random);
}

TEST(ArrayCopy, RandomBatchesAndRangesArriveUnchanged) {
  Random random(2024);
  for (int round = 0; round < 400; ++round) {
    std::vector<Field> columns;
    for (std::int64_t i = below(random, 4); i >= 0; --i) {
      columns.push_back(testing::random_field(random, "c" + std::to_string(i), 3));
    }
    const Field batch = make_batch(std::move(columns));
    const std::int64_t length = below(random, 3) == 0 ? below(random, 3) : below(random, 200);
    const SampleArray sample(batch, length, random, false);
    check_batch(batch, sample.array());
    const std::int64_t from = below(random, length + 1);
    expect_faithful_copy(batch, sample.array(),
                         {.from = from, .count = below(random, length - from + 1)});
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// A random argument for `Selection`: some parts of a field.
void select_some(const Field& field, bool is_entries, Random& random,
                 std::vector<std::uint32_t>& numbers) {
  const std::size_t count = field.children.size();
  if (count == 0 || below(random, 3) == 0) {
    numbers.push_back(0);
    return;
  }
  const bool may_lack_some = field.layout == Layout::structure && !is_entries;
  std::vector<std::uint32_t> kept;
  const auto one = static_cast<std::size_t>(below(random, std::ssize(field.children)));
  for (std::size_t i = 0; i < count; ++i) {
    if (!may_lack_some || i == one || below(random, 2) == 0) {
      kept.push_back(static_cast<std::uint32_t>(i));
    }
  }
  numbers.push_back(static_cast<std::uint32_t>(kept.size()));
  for (const std::uint32_t index : kept) {
    numbers.push_back(index);
    select_some(field.children[index], field.layout == Layout::map, random, numbers);
  }
}

TEST(ArrayCopy, SelectedPartsOfRandomBatchesArriveUnchanged) {
  Random random(2026);
  std::size_t smaller = 0;
  for (int round = 0; round < 400; ++round) {
    const Field batch = make_batch({testing::random_field(random, "a", 4),
                                    make_field("b", "+s",
                                               {testing::random_field(random, "x", 2),
                                                testing::random_field(random, "y", 2)})});
    const SampleArray sample(batch, below(random, 100), random, false);
    std::vector<std::uint32_t> numbers;
    for (const Field& column : batch.children) select_some(column, false, random, numbers);
    const Selection selected(batch, sample.array(), numbers);
    check_batch(selected.schema(), selected.array());
    smaller += node_count(selected.schema()) < node_count(batch) ? 1U : 0U;
    expect_faithful_copy(selected.schema(), selected.array(),
                         {.from = 0, .count = sample.array().length});
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(smaller, 100U);
}

TEST(ArrayCopy, EveryTypeArrivesUnchanged) {
  Random random(3);
  const Field batch = testing::every_type();
  const SampleArray sample(batch, 1000, random, false);
  for (const RowRange rows :
       {RowRange{0, 1000}, RowRange{1, 998}, RowRange{63, 130}, RowRange{1000, 0}}) {
    expect_faithful_copy(batch, sample.array(), rows);
  }
}

TEST(ArrayCopy, MoreRowsNeverNeedLessAndTheFitIsTheLargest) {
  Random random(4);
  const Field batch = testing::every_type();
  const SampleArray sample(batch, 300, random, false);
  std::vector<std::int64_t> needed;
  for (std::int64_t count = 0; count <= 250; ++count) {
    needed.push_back(bytes_needed(batch, sample.array(), {.from = 50, .count = count}));
    if (count == 0) continue;
    ASSERT_GE(needed.back(), needed[static_cast<std::size_t>(count) - 1]);
  }
  for (std::int64_t capacity = needed[0] - 64; capacity <= needed.back() + 64; capacity += 64) {
    const std::int64_t fitting = rows_that_fit(batch, sample.array(), {.from = 50, .count = 250},
                                               static_cast<std::uint64_t>(capacity));
    const auto index = static_cast<std::size_t>(fitting);
    if (fitting > 0) {
      EXPECT_LE(needed[index], capacity);
    }
    if (fitting < 250) {
      EXPECT_GT(needed[index + 1], capacity);
    }
  }
}

TEST(ArrayCopy, RefusesASegmentThatIsTooSmall) {
  Random random(5);
  const Field batch = testing::every_type();
  const SampleArray sample(batch, 10, random, false);
  const RowRange rows{.from = 0, .count = 10};
  const auto mapping = segment_of(bytes_needed(batch, sample.array(), rows) - 1);
  EXPECT_THROW(copy_rows(batch, sample.array(), rows, mapping->bytes()), Error);
}

TEST(ArrayCopy, BitmapsWithoutNullsInTheRangeAreLeftOut) {
  const Field batch = make_batch({make_field("number", "l")});
  std::vector<std::uint8_t> bits(16, 0xFF);
  bits[0] = 0xFE;  // only row 0 is null
  const std::vector<std::int64_t> values(128, 5);
  const void* buffers[] = {bits.data(), values.data()};
  ArrowArray column = array_of(128, 1, buffers);
  ArrowArray* children[] = {&column};
  const void* none[] = {nullptr};
  const ArrowArray array = array_of(128, 0, none, children);
  const auto mapping = segment_of(4096);
  auto nodes = copy_rows(batch, array, {.from = 1, .count = 100}, mapping->bytes());
  EXPECT_TRUE(nodes[0].buffers[0].absent());
  EXPECT_EQ(nodes[0].null_count, 0);
  nodes = copy_rows(batch, array, {.from = 0, .count = 100}, mapping->bytes());
  EXPECT_FALSE(nodes[0].buffers[0].absent());
  EXPECT_EQ(nodes[0].null_count, 1);
}

TEST(ArrayCopy, ArraysWithoutRowsMayLackTheirBuffers) {
  const Field batch = make_batch({make_field("text", "u")});
  const void* buffers[] = {nullptr, nullptr, nullptr};
  ArrowArray column = array_of(0, 0, buffers);
  ArrowArray* children[] = {&column};
  const ArrowArray array = array_of(0, 0, std::span(buffers).first<1>(), children);
  expect_faithful_copy(batch, array, {.from = 0, .count = 0});
}

TEST(ArrayCopy, BatchesOfAnotherShapeAreRefused) {
  Random random(6);
  const Field batch = testing::every_type();
  const SampleArray sample(batch, 10, random, false);
  EXPECT_THROW(check_batch(make_batch({make_field("x", "i")}), sample.array()), Error);
  EXPECT_THROW(check_batch(make_batch(std::vector<Field>(batch.children.size(), batch.children[3])),
                           sample.array()),
               Error);
}

TEST(ArrayCopy, ChildrenWithTooFewRowsAreRefused) {
  const std::vector<std::int64_t> values(8, 5);
  const std::vector<std::int32_t> offsets{0, 2, 5};
  const void* number_buffers[] = {nullptr, values.data()};
  ArrowArray numbers = array_of(5, 0, number_buffers);
  ArrowArray* items[] = {&numbers};
  const void* list_buffers[] = {nullptr, offsets.data()};
  ArrowArray list = array_of(2, 0, list_buffers, items);
  ArrowArray* columns[] = {&list};
  const void* none[] = {nullptr};
  ArrowArray array = array_of(2, 0, none, columns);
  const Field batch = make_batch({make_field("list", "+l", {make_field("item", "l")})});
  check_batch(batch, array);
  numbers.length = 4;  // the last offset is 5
  EXPECT_THROW(check_batch(batch, array), Error);
  numbers.length = 5;
  array.offset = 1;  // then the batch needs a third row
  EXPECT_THROW(check_batch(batch, array), Error);
}

TEST(ArrayCopy, OffsetsThatFallAreNotPassedOn) {
  const char text[] = "abcdef";
  const std::vector<std::int32_t> offsets{0, 6, 2, 6};
  const void* buffers[] = {nullptr, offsets.data(), text};
  ArrowArray column = array_of(3, 0, buffers);
  ArrowArray* children[] = {&column};
  const ArrowArray array = array_of(3, 0, std::span(buffers).first<1>(), children);
  const Field batch = make_batch({make_field("text", "u")});
  const auto mapping = segment_of(4096);
  EXPECT_EQ(copy_rows(batch, array, {.from = 0, .count = 1}, mapping->bytes()).size(), 1U);
  EXPECT_THROW(copy_rows(batch, array, {.from = 0, .count = 3}, mapping->bytes()), Error);
}

TEST(ArrayCopy, StructArraysWithNullRowsAreNotBatches) {
  const std::uint8_t some[] = {0xF0};
  const void* buffers[] = {some};
  ArrowArray array = array_of(4, -1, buffers);
  array.offset = 4;
  check_batch(make_batch({}), array);
  array.offset = 3;
  EXPECT_THROW(check_batch(make_batch({}), array), Error);
}

}  // namespace
}  // namespace raydp
