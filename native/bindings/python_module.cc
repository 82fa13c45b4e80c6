// raydp._native: translation only. Nothing here waits or copies with the GIL held.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/agent_client.h"
#include "core/agent_server.h"
#include "core/array_copy.h"
#include "core/array_layout.h"
#include "core/error.h"

namespace py = pybind11;

namespace {

using raydp::AgentClient;
using raydp::AgentServer;
using raydp::Deadline;
using raydp::Error;
using raydp::ErrorCode;
using raydp::ExportedBlock;
using raydp::ReadRequest;

using ReleaseGil = py::call_guard<py::gil_scoped_release>;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

// The module's exception type; borrowed from the module, which lives as long as the interpreter.
PyObject* exchange_error = nullptr;

void set_error(const Error& error) {
  py::object exception = py::reinterpret_borrow<py::object>(exchange_error)(error.what());
  exception.attr("code") = std::string(name_of(error.code()));
  PyErr_SetObject(exchange_error, exception.ptr());
}

raydp::Token token_from(const py::bytes& bytes) {
  const auto view = static_cast<std::string_view>(bytes);
  raydp::Token token{};
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

// A capsule that owns a zeroed structure; until something is exported into it there is nothing to
// release.
template <class T>
std::pair<py::object, T*> new_capsule() {
  auto structure = std::make_unique<T>();
  PyObject* capsule =
      PyCapsule_New(structure.get(), kCapsuleName<T>, [](PyObject* object) noexcept {
        auto* owned = static_cast<T*>(PyCapsule_GetPointer(object, kCapsuleName<T>));
        if (owned->release != nullptr) owned->release(owned);
        delete owned;
      });
  if (capsule == nullptr) throw py::error_already_set();
  return {py::reinterpret_steal<py::object>(capsule), structure.release()};
}

raydp::Field schema_of(const py::object& object) {
  const py::object capsule = object.attr("__arrow_c_schema__")();
  return raydp::import_schema(from_capsule<ArrowSchema>(capsule));
}

// A batch borrowed from an object with __arrow_c_array__, which stays alive with its capsules.
struct BorrowedBatch {
  explicit BorrowedBatch(const py::object& object)
      : capsules(object.attr("__arrow_c_array__")()),
        schema(raydp::import_schema(from_capsule<ArrowSchema>(capsules[0]))),
        array(from_capsule<ArrowArray>(capsules[1])) {
    raydp::check_batch(schema, array);
  }

  py::tuple capsules;
  raydp::Field schema;
  const ArrowArray& array;
};

py::tuple export_block(const ExportedBlock& block, const py::object& requested_schema) {
  static_cast<void>(requested_schema);  // The protocol allows to ignore it.
  auto [schema_capsule, schema] = new_capsule<ArrowSchema>();
  auto [array_capsule, array] = new_capsule<ArrowArray>();
  raydp::export_schema(block.schema(), schema);
  block.export_to(array);
  return py::make_tuple(schema_capsule, array_capsule);
}

std::int64_t reply(ReadRequest& request, const py::object& batch, std::int64_t from,
                   std::uint64_t total_rows) {
  const BorrowedBatch borrowed(batch);
  const py::gil_scoped_release release;
  return request.reply(borrowed.schema, borrowed.array, from, total_rows);
}

void bind_server(py::module_& module) {
  py::class_<ExportedBlock, std::shared_ptr<ExportedBlock>>(
      module, "ExportedBlock", py::release_gil_before_calling_cpp_dtor())
      .def_property_readonly("rows", &ExportedBlock::rows)
      .def_property_readonly("conversion", &ExportedBlock::conversion)
      .def("__arrow_c_array__", &export_block, py::arg("requested_schema") = py::none())
      .def("ack", &ExportedBlock::ack, ReleaseGil());

  py::class_<ReadRequest>(module, "ReadRequest", py::release_gil_before_calling_cpp_dtor())
      .def_property_readonly("dataset", [](const ReadRequest& r) { return r.read().dataset; })
      .def_property_readonly("block", [](const ReadRequest& r) { return r.read().block; })
      .def_property_readonly("from_row", [](const ReadRequest& r) { return r.read().from_row; })
      .def_property_readonly("max_rows", [](const ReadRequest& r) { return r.read().max_rows; })
      .def_property_readonly("columns", [](const ReadRequest& r) { return r.read().columns; })
      .def("reply", &reply, py::arg("batch"), py::arg("from_row_in_batch"), py::arg("total_rows"))
      .def(
          "fail", [](ReadRequest& r, const std::string& message) { r.fail(message); },
          py::arg("message"), ReleaseGil());

  py::class_<AgentServer>(module, "AgentServer", py::release_gil_before_calling_cpp_dtor())
      .def(py::init([](const std::string& path, const py::bytes& token, std::string application) {
             AgentServer::Options options;
             options.path = path;
             options.admission.token = token_from(token);
             options.admission.application = std::move(application);
             const py::gil_scoped_release release;
             return std::make_unique<AgentServer>(std::move(options));
           }),
           py::arg("path"), py::arg("token"), py::arg("application"))
      .def(
          "open_export",
          [](AgentServer& server, std::uint64_t conversion, const py::object& schema) {
            raydp::Field field = schema_of(schema);
            const py::gil_scoped_release release;
            server.exports().open(conversion, std::move(field));
          },
          py::arg("conversion"), py::arg("schema"))
      .def(
          "next_block",
          [](AgentServer& server, std::uint64_t conversion, double timeout) {
            return server.exports().next(conversion, Deadline::after_seconds(timeout));
          },
          py::arg("conversion"), py::arg("timeout"), ReleaseGil())
      .def(
          "finish_export",
          [](AgentServer& server, std::uint64_t conversion) {
            server.exports().finish(conversion);
          },
          py::arg("conversion"), ReleaseGil())
      .def(
          "abort_export",
          [](AgentServer& server, std::uint64_t conversion, const std::string& reason) {
            server.exports().abort(conversion, reason);
          },
          py::arg("conversion"), py::arg("reason"), ReleaseGil())
      .def(
          "next_read",
          [](AgentServer& server, double timeout) {
            return server.reads().next(Deadline::after_seconds(timeout));
          },
          py::arg("timeout"), ReleaseGil())
      .def("connections", &AgentServer::connections)
      .def("segments",
           [](const AgentServer& server) {
             return std::make_pair(server.memory().segments.load(), server.memory().bytes.load());
           })
      .def("close", &AgentServer::close, ReleaseGil());
}

// The client that executors use through JNI, for tests of the pair without a JVM.
void bind_test_client(py::module_& module) {
  py::class_<AgentClient>(module, "TestClient", py::release_gil_before_calling_cpp_dtor())
      .def("create_segment", &AgentClient::create_segment, py::arg("size"))
      .def("drop_segment", &AgentClient::drop_segment, py::arg("segment"))
      .def("trim_segment", &AgentClient::trim_segment, py::arg("segment"), py::arg("start"),
           py::arg("end"))
      .def(
          "memory",
          [](const AgentClient& client, std::uint32_t segment) {
            const auto memory = client.segment_memory(segment);
            return py::memoryview::from_memory(memory.data(), std::ssize(memory));
          },
          py::arg("segment"), py::keep_alive<0, 1>())
      .def(
          "write_batch",
          [](const AgentClient& client, std::uint32_t segment, const py::object& batch) {
            const BorrowedBatch borrowed(batch);
            return raydp::flatten_nodes(raydp::copy_rows(
                borrowed.schema, borrowed.array, {.from = 0, .count = borrowed.array.length},
                client.segment_memory(segment)));
          },
          py::arg("segment"), py::arg("batch"))
      .def(
          "send_block",
          [](AgentClient& client, std::uint32_t segment, std::uint64_t conversion,
             std::uint64_t rows, const std::vector<std::int64_t>& nodes) {
            client.send_block(segment, conversion, rows, raydp::parse_flat_nodes(nodes));
          },
          py::arg("segment"), py::arg("conversion"), py::arg("rows"), py::arg("nodes"))
      .def(
          "await_accepted",
          [](AgentClient& client, double timeout) {
            const raydp::Accepted accepted = client.await_accepted(milliseconds(timeout));
            return std::make_pair(accepted.segment, accepted.index);
          },
          py::arg("timeout"), ReleaseGil())
      .def(
          "await_ack",
          [](AgentClient& client, double timeout) {
            return client.await_ack(milliseconds(timeout)).segment;
          },
          py::arg("timeout"), ReleaseGil())
      .def(
          "request_read",
          [](AgentClient& client, std::uint32_t segment, std::uint64_t dataset, std::uint32_t block,
             std::uint64_t from_row, std::uint64_t max_rows, std::vector<std::uint32_t> columns,
             std::vector<std::uint32_t> selection) {
            client.request_read({segment, dataset, block, from_row, max_rows, std::move(columns),
                                 std::move(selection)});
          },
          py::arg("segment"), py::arg("dataset"), py::arg("block"), py::arg("from_row"),
          py::arg("max_rows"), py::arg("columns"),
          py::arg("selection") = std::vector<std::uint32_t>())
      .def(
          "await_read",
          [](AgentClient& client, double timeout) {
            const raydp::ReadReply r = client.await_read(milliseconds(timeout));
            return std::make_tuple(r.segment, r.grow, r.from_row, r.rows, r.total_rows,
                                   r.needed_bytes, raydp::flatten_nodes(r.nodes));
          },
          py::arg("timeout"), ReleaseGil())
      .def("cancel", &AgentClient::cancel);

  module.def(
      "connect_for_test",
      [](const std::string& path, const py::bytes& token, const std::string& application,
         double timeout) {
        const raydp::Token bytes = token_from(token);
        const py::gil_scoped_release release;
        return std::make_unique<AgentClient>(path, bytes, application, milliseconds(timeout));
      },
      py::arg("path"), py::arg("token"), py::arg("application"), py::arg("timeout") = 10.0);
}

}  // namespace

// The extension's real PyInit__native is a Rust function that calls this one (src/lib.rs).
#define PyInit__native raydp_native_pyinit
PYBIND11_MODULE(_native, module) {
  module.doc() = "The exchange agent's end of the shared-memory exchange.";
  module.attr("__version__") = RAYDP_VERSION;

  exchange_error = PyErr_NewException("raydp._native.ExchangeError", PyExc_RuntimeError, nullptr);
  if (exchange_error == nullptr) throw py::error_already_set();
  module.attr("ExchangeError") = py::reinterpret_borrow<py::object>(exchange_error);
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      set_error(error);
    }
  });

  py::dict codes;
  for (const auto& [code, name] : raydp::kErrorCodes) {
    codes[py::str(std::string(name))] = static_cast<std::uint32_t>(code);
  }
  module.attr("ERROR_CODES") = codes;

  bind_server(module);
  bind_test_client(module);
}
