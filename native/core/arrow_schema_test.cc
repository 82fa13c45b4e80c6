#include "core/arrow_schema.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/testing/sample_array.h"

namespace raydp {
namespace {

using testing::make_batch;
using testing::make_field;

// The error that the import of this batch throws; empty for none.
std::string refusal(const Field& batch) {
  ArrowSchema schema{};
  export_schema(batch, &schema);
  std::string message;
  try {
    import_schema(schema);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    message = error.what();
  }
  schema.release(&schema);
  return message;
}

Field raw(const std::string& name, const std::string& format, std::vector<Field> children = {}) {
  return {.name = name, .format = format, .metadata = {}, .children = std::move(children)};
}

void expect_equal(const Field& left, const Field& right) {
  EXPECT_EQ(left.name, right.name);
  EXPECT_EQ(left.format, right.format);
  EXPECT_EQ(left.metadata, right.metadata);
  EXPECT_EQ(left.flags, right.flags);
  EXPECT_EQ(left.layout, right.layout);
  EXPECT_EQ(left.byte_width, right.byte_width);
  ASSERT_EQ(left.children.size(), right.children.size());
  for (std::size_t i = 0; i < left.children.size(); ++i) {
    expect_equal(left.children[i], right.children[i]);
  }
}

TEST(ArrowSchema, EveryCanonicalTypeHasItsLayout) {
  for (const testing::FlatType& expected : testing::kFlatTypes) {
    const Field field = make_field("x", expected.format);
    EXPECT_EQ(field.layout, expected.layout) << expected.format;
    EXPECT_EQ(field.byte_width, expected.byte_width) << expected.format;
    EXPECT_EQ(buffer_count(field.layout), expected.buffers) << expected.format;
  }
  const Field text = make_field("text", "u");
  EXPECT_EQ(make_field("x", "+s", {text, text}).layout, Layout::structure);
  EXPECT_EQ(buffer_count(Layout::structure), 1U);
  EXPECT_EQ(make_field("x", "+l", {text}).layout, Layout::list);
  EXPECT_EQ(buffer_count(Layout::list), 2U);
  EXPECT_EQ(make_field("x", "+m", {make_field("entries", "+s", {text, text})}).layout, Layout::map);
  EXPECT_EQ(buffer_count(Layout::map), 2U);
}

TEST(ArrowSchema, CopiesRoundTripWithFlagsAndMetadata) {
  Field batch = testing::every_type();
  // One pair: "k" -> "value".
  batch.metadata = std::string("\1\0\0\0\1\0\0\0k\5\0\0\0value", 18);
  batch.children[3].metadata = std::string("\0\0\0\0", 4);
  batch.children[3].flags = 0;
  ArrowSchema schema{};
  export_schema(batch, &schema);
  expect_equal(import_schema(schema), batch);
  EXPECT_EQ(schema.children[0]->metadata, nullptr);
  schema.release(&schema);
  EXPECT_EQ(schema.release, nullptr);
}

TEST(ArrowSchema, ReleasesWhatIsLeftAfterAChildWasMovedOut) {
  ArrowSchema schema{};
  export_schema(testing::every_type(), &schema);
  ArrowSchema moved = *schema.children[1];
  schema.children[1]->release = nullptr;
  schema.release(&schema);
  EXPECT_STREQ(moved.format, "b");
  moved.release(&moved);
}

TEST(ArrowSchema, OtherTypesAreRefusedWithTheirColumn) {
  for (const char* format : {"",
                             "C",
                             "e",
                             "U",
                             "Z",
                             "vu",
                             "tss:",
                             "tsn:UTC",
                             "tdm",
                             "ttu",
                             "tDn",
                             "tiM",
                             "d:50,2,256",
                             "d:5",
                             "d:",
                             "d:,",
                             "d:5,2,",
                             "d:x,2",
                             "d:5,2,128,128",
                             "w:16",
                             "+w:3",
                             "+L",
                             "+us:0,1",
                             "+r",
                             "+vl"}) {
    const std::string message =
        refusal(make_batch({make_field("ok", "i"), raw("outer", "+s", {raw("inner", format)})}));
    EXPECT_NE(message.find("column outer.inner"), std::string::npos) << format << ": " << message;
    EXPECT_NE(message.find(format), std::string::npos) << message;
  }
}

TEST(ArrowSchema, DictionariesAreRefused) {
  ArrowSchema schema{};
  export_schema(make_batch({make_field("category", "i")}), &schema);
  schema.children[0]->dictionary = schema.children[0];
  EXPECT_THROW(import_schema(schema), Error);
  schema.release(&schema);
}

TEST(ArrowSchema, ShapesOfNestedTypesAreChecked) {
  const Field number = raw("x", "i");
  EXPECT_NE(refusal(make_batch({raw("list", "+l")})), "");
  EXPECT_NE(refusal(make_batch({raw("list", "+l", {number, number})})), "");
  EXPECT_NE(refusal(make_batch({raw("map", "+m", {number})})), "");
  EXPECT_NE(refusal(make_batch({raw("map", "+m", {raw("entries", "+s", {number})})})), "");
  EXPECT_NE(refusal(make_batch({raw("flat", "i", {number})})), "");
  EXPECT_EQ(refusal(make_batch({raw("empty struct", "+s")})), "");
  EXPECT_EQ(refusal(make_batch({})), "");
  EXPECT_NE(refusal(number), "") << "the root must be a struct";
}

TEST(ArrowSchema, NestingIsBounded) {
  const auto nested = [](int depth) {
    Field field = raw("x", "i");
    for (int i = 1; i < depth; ++i) field = raw("x", "+l", {field});
    return make_batch({field});
  };
  EXPECT_EQ(refusal(nested(kMaxNesting)), "");
  EXPECT_NE(refusal(nested(kMaxNesting + 1)), "");
}

TEST(ArrowSchema, NodesAreCountedWithTheRoot) {
  EXPECT_EQ(node_count(testing::every_type()), 16U + std::size(testing::kFlatTypes));
}

}  // namespace
}  // namespace raydp
