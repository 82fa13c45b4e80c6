#include "core/build_id.h"

namespace raydp {

std::string_view build_id() noexcept { return RAYDP_BUILD_ID; }

std::string describe_different_builds(std::string_view executor, std::string_view agent) {
  return "the executor and the exchange agent of its node belong to different builds of raydp; "
         "install the same raydp "
         "on every node and start the application again. Executor: " +
         std::string(executor) + ", agent: " + std::string(agent);
}

}  // namespace raydp
