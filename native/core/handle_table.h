#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace raydp {

/// Gives each object a handle that a garbage-collected language can hold. A stale handle is an
/// error, never a dangling pointer: an object that is removed during a call lives until that call
/// returns. Thread-safe.
template <class T>
class HandleTable {
 public:
  std::int64_t add(std::shared_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    objects_.emplace(++last_, std::move(object));
    return last_;
  }

  /// Throws `invalid_argument` for a handle that never existed or was removed.
  std::shared_ptr<T> get(std::int64_t handle) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    if (found == objects_.end()) {
      throw Error(ErrorCode::invalid_argument,
                  "the connection is closed. Handle: " + std::to_string(handle));
    }
    return found->second;
  }

  /// Returns null if it was removed before.
  std::shared_ptr<T> remove(std::int64_t handle) {
    const std::lock_guard lock(mutex_);
    auto node = objects_.extract(handle);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::int64_t, std::shared_ptr<T>> objects_;
  std::int64_t last_ = 0;
};

}  // namespace raydp
