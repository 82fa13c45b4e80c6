// io.raydp.exchange.NativeExchange: translation only. Every function converts its arguments, calls
// the core, and turns what the core throws into an ExchangeException.

#include <jni.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/agent_client.h"
#include "core/error.h"
#include "core/handle_table.h"
#include "core/unicode.h"

namespace {

using raydp::AgentClient;
using raydp::Error;
using raydp::ErrorCode;

static_assert(sizeof(jlong) == sizeof(std::int64_t) && sizeof(jint) == sizeof(std::uint32_t));

// Looked up once: FindClass on an arbitrary thread would search the wrong class loader.
jclass exception_class = nullptr;
jmethodID exception_constructor = nullptr;

raydp::HandleTable<AgentClient>& connections() {
  static raydp::HandleTable<AgentClient> table;
  return table;
}

// A Java exception is pending: leave the C++ frames without adding another.
struct JavaExceptionPending {};

template <class T>
T not_null(T reference) {
  if (reference == nullptr) throw JavaExceptionPending{};
  return reference;
}

jstring java_string(JNIEnv* env, std::string_view text) {
  const std::u16string units = raydp::utf16_from_utf8(text);
  return not_null(env->NewString(reinterpret_cast<const jchar*>(units.data()),
                                 static_cast<jsize>(units.size())));
}

void throw_java(JNIEnv* env, ErrorCode code, const char* message) {
  try {
    jstring text = java_string(env, message);
    const jobject exception = not_null(
        env->NewObject(exception_class, exception_constructor, static_cast<jint>(code), text));
    env->Throw(static_cast<jthrowable>(exception));
  } catch (const JavaExceptionPending&) {
    // The JVM could not even build the exception; its OutOfMemoryError is pending instead.
  }
}

// Runs `body`; nothing escapes it.
template <class Body>
auto guarded(JNIEnv* env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const JavaExceptionPending&) {
  } catch (const Error& error) {
    throw_java(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    throw_java(env, ErrorCode::out_of_memory, "the exchange ran out of native memory");
  } catch (const std::exception& error) {
    throw_java(env, ErrorCode::io, error.what());
  }
  return decltype(body())();
}

std::string cpp_string(JNIEnv* env, jstring text) {
  if (text == nullptr) throw Error(ErrorCode::invalid_argument, "a string argument is null");
  const jsize size = env->GetStringLength(text);
  std::u16string units(static_cast<std::size_t>(size), u'\0');
  env->GetStringRegion(text, 0, size, reinterpret_cast<jchar*>(units.data()));
  return raydp::utf8_from_utf16(units);
}

raydp::Token token_from(JNIEnv* env, jbyteArray bytes) {
  raydp::Token token{};
  const auto size = static_cast<jsize>(token.size());
  if (bytes == nullptr || env->GetArrayLength(bytes) != size) {
    throw Error(ErrorCode::invalid_argument, "the token must have 32 bytes");
  }
  env->GetByteArrayRegion(bytes, 0, size, reinterpret_cast<jbyte*>(token.data()));
  return token;
}

std::vector<std::int64_t> numbers_from(JNIEnv* env, jlongArray array) {
  if (array == nullptr) throw Error(ErrorCode::invalid_argument, "an array argument is null");
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(env->GetArrayLength(array)));
  env->GetLongArrayRegion(array, 0, static_cast<jsize>(numbers.size()),
                          reinterpret_cast<jlong*>(numbers.data()));
  return numbers;
}

std::vector<std::uint32_t> indexes_from(JNIEnv* env, jintArray array) {
  if (array == nullptr) throw Error(ErrorCode::invalid_argument, "an array argument is null");
  std::vector<std::uint32_t> indexes(static_cast<std::size_t>(env->GetArrayLength(array)));
  env->GetIntArrayRegion(array, 0, static_cast<jsize>(indexes.size()),
                         reinterpret_cast<jint*>(indexes.data()));
  return indexes;
}

jlongArray java_numbers(JNIEnv* env, const std::vector<std::int64_t>& numbers) {
  const auto size = static_cast<jsize>(numbers.size());
  jlongArray array = not_null(env->NewLongArray(size));
  env->SetLongArrayRegion(array, 0, size, reinterpret_cast<const jlong*>(numbers.data()));
  return array;
}

std::uint32_t segment_id(jlong number) {
  if (number < 0 || number >= jlong{raydp::kNoSegment}) {
    throw Error(ErrorCode::invalid_argument, "not the id of a segment: " + std::to_string(number));
  }
  return static_cast<std::uint32_t>(number);
}

std::uint64_t not_negative(jlong number, const char* what) {
  if (number < 0) {
    throw Error(ErrorCode::invalid_argument,
                std::string(what) + " must not be negative: " + std::to_string(number));
  }
  return static_cast<std::uint64_t>(number);
}

std::int64_t signed_number(std::uint64_t number) { return static_cast<std::int64_t>(number); }

}  // namespace

#define RAYDP_NATIVE(type, name) \
  extern "C" JNIEXPORT type JNICALL Java_io_raydp_exchange_NativeExchange_##name

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  JNIEnv* env = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_8) != JNI_OK) return JNI_ERR;
  jclass found = env->FindClass("io/raydp/exchange/ExchangeException");
  if (found == nullptr) return JNI_ERR;
  exception_class = static_cast<jclass>(env->NewGlobalRef(found));
  if (exception_class == nullptr) return JNI_ERR;
  exception_constructor = env->GetMethodID(exception_class, "<init>", "(ILjava/lang/String;)V");
  return exception_constructor == nullptr ? JNI_ERR : JNI_VERSION_1_8;
}

extern "C" JNIEXPORT void JNICALL JNI_OnUnload(JavaVM* vm, void*) {
  JNIEnv* env = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_8) == JNI_OK) {
    env->DeleteGlobalRef(exception_class);
  }
}

RAYDP_NATIVE(jlong, connect)
(JNIEnv* env, jclass, jstring path, jbyteArray token, jstring application, jint timeout_millis) {
  return guarded(env, [&]() -> jlong {
    return connections().add(std::make_shared<AgentClient>(
        cpp_string(env, path), token_from(env, token), cpp_string(env, application),
        std::chrono::milliseconds(timeout_millis)));
  });
}

RAYDP_NATIVE(void, disconnect)(JNIEnv* env, jclass, jlong connection) {
  guarded(env, [&] {
    // A call that is blocked on another thread wakes up, and frees the client as it returns.
    if (const auto client = connections().remove(connection)) client->cancel();
  });
}

RAYDP_NATIVE(jboolean, isAgentGone)(JNIEnv* env, jclass, jlong connection) {
  return guarded(env, [&]() -> jboolean {
    return connections().get(connection)->agent_gone() ? JNI_TRUE : JNI_FALSE;
  });
}

RAYDP_NATIVE(jlong, createSegment)(JNIEnv* env, jclass, jlong connection, jlong size) {
  return guarded(env, [&]() -> jlong {
    return connections().get(connection)->create_segment(not_negative(size, "the segment's size"));
  });
}

RAYDP_NATIVE(jlong, segmentAddress)(JNIEnv* env, jclass, jlong connection, jlong segment) {
  return guarded(env, [&]() -> jlong {
    const auto memory = connections().get(connection)->segment_memory(segment_id(segment));
    return reinterpret_cast<jlong>(memory.data());
  });
}

RAYDP_NATIVE(void, dropSegment)(JNIEnv* env, jclass, jlong connection, jlong segment) {
  guarded(env, [&] { connections().get(connection)->drop_segment(segment_id(segment)); });
}

RAYDP_NATIVE(void, trimSegment)
(JNIEnv* env, jclass, jlong connection, jlong segment, jlong from, jlong to) {
  guarded(env, [&] {
    connections()
        .get(connection)
        ->trim_segment(segment_id(segment), not_negative(from, "the start"),
                       not_negative(to, "the end"));
  });
}

RAYDP_NATIVE(void, sendBlock)
(JNIEnv* env, jclass, jlong connection, jlong segment, jlong conversion, jlong rows,
 jlongArray nodes) {
  guarded(env, [&] {
    connections()
        .get(connection)
        ->send_block(segment_id(segment), not_negative(conversion, "the conversion's number"),
                     not_negative(rows, "the number of rows"),
                     raydp::parse_flat_nodes(numbers_from(env, nodes)));
  });
}

RAYDP_NATIVE(jlongArray, awaitAccepted)
(JNIEnv* env, jclass, jlong connection, jint timeout_millis) {
  return guarded(env, [&] {
    const raydp::Accepted accepted =
        connections().get(connection)->await_accepted(std::chrono::milliseconds(timeout_millis));
    return java_numbers(env, {accepted.segment, signed_number(accepted.index)});
  });
}

RAYDP_NATIVE(jlong, awaitAck)(JNIEnv* env, jclass, jlong connection, jint timeout_millis) {
  return guarded(env, [&]() -> jlong {
    return connections()
        .get(connection)
        ->await_ack(std::chrono::milliseconds(timeout_millis))
        .segment;
  });
}

RAYDP_NATIVE(void, requestRead)
(JNIEnv* env, jclass, jlong connection, jlong segment, jlong dataset, jint block, jlong from_row,
 jlong max_rows, jintArray columns, jintArray selection) {
  guarded(env, [&] {
    connections()
        .get(connection)
        ->request_read(
            {.segment = segment_id(segment),
             .dataset = not_negative(dataset, "the dataset's number"),
             .block = static_cast<std::uint32_t>(not_negative(block, "the block's number")),
             .from_row = not_negative(from_row, "the first row"),
             .max_rows = not_negative(max_rows, "the number of rows"),
             .columns = indexes_from(env, columns),
             .selection = indexes_from(env, selection)});
  });
}

RAYDP_NATIVE(jlongArray, awaitRead)(JNIEnv* env, jclass, jlong connection, jint timeout_millis) {
  return guarded(env, [&] {
    const raydp::ReadReply reply =
        connections().get(connection)->await_read(std::chrono::milliseconds(timeout_millis));
    std::vector<std::int64_t> numbers{reply.segment,
                                      reply.grow ? 1 : 0,
                                      signed_number(reply.from_row),
                                      signed_number(reply.rows),
                                      signed_number(reply.total_rows),
                                      signed_number(reply.needed_bytes)};
    const std::vector<std::int64_t> nodes = raydp::flatten_nodes(reply.nodes);
    numbers.insert(numbers.end(), nodes.begin(), nodes.end());
    return java_numbers(env, numbers);
  });
}

RAYDP_NATIVE(jstring, version)(JNIEnv* env, jclass) {
  return guarded(env, [&] { return java_string(env, RAYDP_VERSION); });
}
