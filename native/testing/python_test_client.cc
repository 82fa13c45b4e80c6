// raydp_native_testing: the client that executors use through JNI, for tests that have no JVM.
// Not part of the wheel; ci/dev-build.sh builds it.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/python_arguments.h"
#include "core/agent_client.h"
#include "core/array_copy.h"
#include "core/error.h"

namespace py = pybind11;

namespace {

using raydp::AgentClient;
using raydp::python::BorrowedBatch;
using raydp::python::ReleaseGil;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

std::vector<std::int64_t> numbers_of(const std::vector<raydp::ArrayNode>& nodes) {
  std::vector<std::int64_t> numbers;
  raydp::append_numbers(numbers, nodes);
  return numbers;
}

// Tests expect the same exception from both ends of the exchange.
py::object exchange_error() { return py::module_::import("raydp._native").attr("ExchangeError"); }

void bind_client(py::module_& module) {
  py::class_<AgentClient>(module, "Client", py::release_gil_before_calling_cpp_dtor())
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
            return numbers_of(raydp::copy_rows(borrowed.schema, borrowed.array,
                                               {.from = 0, .count = borrowed.array.length},
                                               client.segment_memory(segment)));
          },
          py::arg("segment"), py::arg("batch"))
      .def(
          "send_block",
          [](AgentClient& client, std::uint32_t segment, std::uint64_t export_id,
             std::uint64_t rows, const std::vector<std::int64_t>& nodes) {
            client.send_block(segment, export_id, rows, raydp::parse_flat_nodes(nodes));
          },
          py::arg("segment"), py::arg("export_id"), py::arg("rows"), py::arg("nodes"))
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
            const raydp::ReadReply reply = client.await_read(milliseconds(timeout));
            const auto* grow = std::get_if<raydp::Grow>(&reply);
            const auto ready = grow == nullptr ? std::get<raydp::Ready>(reply) : raydp::Ready{};
            return std::make_tuple(grow == nullptr ? ready.segment : grow->segment, grow != nullptr,
                                   ready.from_row, ready.rows, ready.total_rows,
                                   grow == nullptr ? 0 : grow->needed, numbers_of(ready.nodes));
          },
          py::arg("timeout"), ReleaseGil())
      .def("disconnect", &AgentClient::disconnect);

  module.def(
      "connect",
      [](const std::string& path, const py::bytes& token, const std::string& application,
         double timeout) {
        const raydp::Token bytes = raydp::python::token_from(token);
        const py::gil_scoped_release release;
        auto client = std::make_unique<AgentClient>();
        client->connect(path, bytes, application, milliseconds(timeout));
        return client;
      },
      py::arg("path"), py::arg("token"), py::arg("application"), py::arg("timeout") = 10.0);
}

}  // namespace

PYBIND11_MODULE(raydp_native_testing, module) {
  module.doc() = "The executors' end of the shared-memory exchange, for tests.";
  // Local: the exceptions of this module never pass through the C++ runtime of another one.
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const raydp::Error& error) {
      raydp::python::raise_error(exchange_error(), error);
    }
  });
  bind_client(module);
}
