// raydp._native: translation only. The GIL is released during every wait and copy.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "bindings/python_arguments.h"
#include "core/agent_server.h"
#include "core/error.h"

namespace py = pybind11;

namespace {

using raydp::AgentServer;
using raydp::Deadline;
using raydp::Error;
using raydp::ExportedBlock;
using raydp::ReadRequest;
using raydp::python::BorrowedBatch;
using raydp::python::from_capsule;
using raydp::python::kCapsuleName;
using raydp::python::ReleaseGil;
using raydp::python::token_from;

// The module's exception type. The module owns it and lives until the interpreter exits.
PyObject* exchange_error = nullptr;

// A capsule that owns a zeroed structure. There is nothing to release before something is exported
// into it.
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

py::tuple export_block(const ExportedBlock& block, const py::object& requested_schema) {
  static_cast<void>(requested_schema);  // The protocol allows producers to ignore it.
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
      .def_property_readonly("export_id", &ExportedBlock::export_id)
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
          [](AgentServer& server, std::uint64_t export_id, const py::object& schema) {
            raydp::Field field = schema_of(schema);
            const py::gil_scoped_release release;
            server.exports().open(export_id, std::move(field));
          },
          py::arg("export_id"), py::arg("schema"))
      .def(
          "next_block",
          [](AgentServer& server, std::uint64_t export_id, double timeout) {
            return server.exports().next(export_id, Deadline::after_seconds(timeout));
          },
          py::arg("export_id"), py::arg("timeout"), ReleaseGil())
      .def(
          "finish_export",
          [](AgentServer& server, std::uint64_t export_id) { server.exports().finish(export_id); },
          py::arg("export_id"), ReleaseGil())
      .def(
          "abort_export",
          [](AgentServer& server, std::uint64_t export_id, const std::string& reason) {
            server.exports().abort(export_id, reason);
          },
          py::arg("export_id"), py::arg("reason"), ReleaseGil())
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
      raydp::python::raise_error(py::reinterpret_borrow<py::object>(exchange_error), error);
    }
  });

  py::dict codes;
  for (const auto& [code, name] : raydp::kErrorCodes) {
    codes[py::str(std::string(name))] = static_cast<std::uint32_t>(code);
  }
  module.attr("ERROR_CODES") = codes;

  bind_server(module);
}
