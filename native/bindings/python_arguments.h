// What the Python modules of raydp share: the core's errors, times and Arrow objects as Python has
// them. Included once by each module.
#pragma once

#include <pybind11/pybind11.h>

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/array_copy.h"
#include "core/arrow_schema.h"
#include "core/error.h"
#include "core/message.h"

namespace raydp::python {

namespace py = pybind11;

using ReleaseGil = py::call_guard<py::gil_scoped_release>;

// Raises `type`, an exception class of Python, with the error's message and the name of its code.
inline void raise_error(const py::object& type, const Error& error) {
  py::object exception = type(error.what());
  exception.attr("code") = std::string(name_of(error.code()));
  PyErr_SetObject(type.ptr(), exception.ptr());
}

inline Token token_from(const py::bytes& bytes) {
  const auto view = static_cast<std::string_view>(bytes);
  Token token{};
  if (view.size() != token.size()) {
    throw Error(ErrorCode::invalid_argument, "the token must have " + std::to_string(token.size()) +
                                                 " bytes, not " + std::to_string(view.size()));
  }
  std::memcpy(token.data(), view.data(), token.size());
  return token;
}

template <class T>
constexpr const char* kCapsuleName =
    std::is_same_v<T, ArrowSchema> ? "arrow_schema" : "arrow_array";

template <class T>
const T& from_capsule(const py::handle& capsule) {
  auto* structure = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), kCapsuleName<T>));
  if (structure == nullptr) throw py::error_already_set();
  if (structure->release == nullptr) {
    throw Error(ErrorCode::invalid_argument, "the Arrow object was already consumed");
  }
  return *structure;
}

// A batch borrowed from an object with __arrow_c_array__; its capsules keep the data alive.
struct BorrowedBatch {
  explicit BorrowedBatch(const py::object& object)
      : capsules(object.attr("__arrow_c_array__")()),
        schema(import_schema(from_capsule<ArrowSchema>(capsules[0]))),
        array(from_capsule<ArrowArray>(capsules[1])) {
    check_batch(schema, array);
  }

  py::tuple capsules;
  Field schema;
  const ArrowArray& array;
};

}  // namespace raydp::python
