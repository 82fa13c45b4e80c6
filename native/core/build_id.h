#pragma once

#include <string>
#include <string_view>

namespace raydp {

/// The version and a hash of the sources that this library was built from. Both ends of a
/// connection must have the same: what segments and messages contain may change from build to
/// build, and only `kVersion` is in every message.
std::string_view build_id() noexcept;

/// Why an executor and an agent of different builds do not exchange data, and what to do.
std::string describe_different_builds(std::string_view executor, std::string_view agent);

}  // namespace raydp
