#include "core/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "core/handle_table.h"

namespace raydp {
namespace {

TEST(ErrorCode, NumbersAreOrdinalsAndNamesAreUnique) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kErrorCodes.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kErrorCodes[i].first), i);
    EXPECT_EQ(name_of(kErrorCodes[i].first), kErrorCodes[i].second);
    EXPECT_EQ(error_code_from(static_cast<std::uint32_t>(i)), kErrorCodes[i].first);
    names.insert(kErrorCodes[i].second);
  }
  EXPECT_EQ(names.size(), kErrorCodes.size());
}

TEST(ErrorCode, NumberOfALaterVersionIsARemoteFailure) {
  EXPECT_EQ(error_code_from(4711), ErrorCode::remote_failed);
  EXPECT_EQ(name_of(static_cast<ErrorCode>(4711)), "unknown");
}

TEST(Error, SystemErrorsEndWithTheirText) {
  try {
    throw_system_error(ErrorCode::io, "cannot open the door", ENOENT);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_STREQ(error.what(), "cannot open the door: No such file or directory");
  }
}

TEST(HandleTable, StaleHandlesAreErrorsAndRunningCallsKeepTheirObject) {
  HandleTable<int> table;
  const std::int64_t first = table.add(std::make_shared<int>(1));
  const std::int64_t second = table.add(std::make_shared<int>(2));
  EXPECT_NE(first, second);
  const std::shared_ptr<int> in_use = table.get(first);
  EXPECT_EQ(*table.remove(first), 1);
  EXPECT_EQ(*in_use, 1);
  EXPECT_EQ(table.remove(first), nullptr);
  EXPECT_THROW(table.get(first), Error);
  EXPECT_THROW(table.get(0), Error);
  EXPECT_EQ(*table.get(second), 2);
}

}  // namespace
}  // namespace raydp
