#include "core/selection.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/testing/sample_array.h"

namespace raydp {
namespace {

using testing::make_batch;
using testing::make_field;
using testing::render;

Field pair() { return make_field("pair", "+s", {make_field("x", "i"), make_field("text", "u")}); }

class Selections : public ::testing::Test {
 protected:
  testing::Random random_{11};
  const Field batch_ = make_batch(
      {make_field("number", "l"), make_field("outer", "+s", {make_field("flag", "b"), pair()}),
       make_field("list", "+l", {pair()}),
       make_field("map", "+m", {make_field("entries", "+s", {make_field("key", "u"), pair()})})});
  const testing::SampleArray sample_{batch_, 50, random_, false};
};

TEST_F(Selections, NoNumbersAreTheBatchItself) {
  const Selection all(batch_, sample_.array(), {});
  EXPECT_EQ(&all.schema(), &batch_);
  EXPECT_EQ(&all.array(), &sample_.array());
}

TEST_F(Selections, PartsAreWhatTheyWereInTheBatch) {
  const std::vector<std::uint32_t> numbers = {
      0,                          // number
      1, 1, 1, 1, 0,              // outer.pair.text
      1, 0, 1, 0, 0,              // list.element.x
      1, 0, 2, 0, 0, 1, 1, 1, 0,  // map: keys, and the values' text
  };
  const Selection some(batch_, sample_.array(), numbers);
  ASSERT_EQ(some.schema().children.size(), 4U);
  const auto& columns = some.schema().children;
  const ArrowArray* const* before = sample_.array().children;
  const ArrowArray* const* after = some.array().children;

  EXPECT_EQ(columns[1].children[0].children[0].name, "text");
  EXPECT_EQ(columns[2].children[0].children[0].name, "x");
  EXPECT_EQ(columns[3].children[0].children[1].children[0].name, "text");
  const ArrowArray* text = after[1]->children[0]->children[0];
  EXPECT_EQ(text->buffers, before[1]->children[1]->children[1]->buffers);
  EXPECT_EQ(after[2]->children[0]->children[0]->buffers,
            before[2]->children[0]->children[0]->buffers);
  EXPECT_EQ(after[2]->offset, before[2]->offset);
  EXPECT_EQ(after[3]->children[0]->children[1]->children[0]->buffers,
            before[3]->children[0]->children[1]->children[1]->buffers);
  EXPECT_EQ(render(columns[0], *after[0], 7), render(batch_.children[0], *before[0], 7));
}

TEST_F(Selections, NumbersThatDoNotFitAreRefused) {
  const std::vector<std::vector<std::uint32_t>> mistakes = {
      {0, 0, 0},                           // one column too few
      {0, 0, 0, 0, 0},                     // one column too many
      {1, 0, 0, 0, 0, 0},                  // a part of a number
      {0, 3, 0, 0, 1, 0, 2, 0, 0, 0},      // more fields than exist
      {0, 1, 2, 0, 0, 0},                  // a field that does not exist
      {0, 2, 1, 0, 0, 0, 0, 0},            // not in order
      {0, 2, 1, 0, 1, 0, 0, 0},            // the same twice
      {0, 0, 0, 1, 0, 1, 1, 0},            // a map without its keys
      {0, 1, 1, 1},                        // cut off
      {0, 0, 1, ~std::uint32_t{0}, 0, 0},  // far out of range
  };
  for (const auto& numbers : mistakes) {
    try {
      const Selection some(batch_, sample_.array(), numbers);
      ADD_FAILURE() << "accepted, of " << numbers.size() << " numbers";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    }
  }
}

}  // namespace
}  // namespace raydp
