#!/usr/bin/env bash
# Runs the GoogleTest suites of native/core three times: as released, with the address and undefined-behaviour
# sanitizers, and with the thread sanitizer.
#
#   bash ci/test-native.sh [release|address|thread|fuzz]...     default: the first three
#
# fuzz runs the libFuzzer target on the messages that peers send. It needs Clang (Debian: apt-get install clang).
# RAYDP_FUZZ_SECONDS   how long to run it, in seconds (default: 600)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh

# Sources that were compiled before, in this checkout or another, are not compiled again.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache} # CMake reads it
  export CCACHE_DIR=${CCACHE_DIR:-$RAYDP_CACHE/ccache} CCACHE_MAXSIZE=1G
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 # the same in every checkout
fi

run_lane() {
  local build=build/native-$1
  step "C++ tests: $1"
  cmake -S native -B "$build" -G Ninja -DRAYDP_BUILD_TESTS=ON -DRAYDP_BUILD_JNI=OFF \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=$3" "-DRAYDP_SANITIZE=$2" \
    >"$build.log" || { cat "$build.log"; exit 1; }
  cmake --build "$build" --parallel "$(nproc)" >"$build.log" || { cat "$build.log"; exit 1; }
  ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
    ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel 2 | tail -n 4
}

run_fuzzer() {
  local build=build/native-fuzz corpus=$PWD/build/native-fuzz/corpus seconds=${RAYDP_FUZZ_SECONDS:-600}
  step "C++ fuzzer: $seconds s"
  command -v clang++ >/dev/null || fail "libFuzzer needs clang++; install it (Debian: apt-get install clang)"
  cmake -S native -B "$build" -G Ninja -DRAYDP_BUILD_FUZZER=ON -DRAYDP_BUILD_JNI=OFF -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRAYDP_SANITIZE=address,undefined >"$build.log" || { cat "$build.log"; exit 1; }
  cmake --build "$build" --parallel "$(nproc)" >"$build.log" || { cat "$build.log"; exit 1; }
  mkdir -p "$corpus"
  (cd "$build" && ./exchange_fuzzer -max_len=8192 -timeout=20 "-max_total_time=$seconds" "$corpus")
}

mkdir -p build
if [[ $# -eq 0 ]]; then set -- release address thread; fi
for lane in "$@"; do
  case $lane in
    release) run_lane release "" "-O2 -DNDEBUG" ;;
    # The tests run for seconds and compile for a minute: optimize little. Line numbers are enough for the reports.
    address) run_lane address address,undefined "-O0 -g1 -DNDEBUG" ;;
    thread) run_lane thread thread "-O1 -g1 -DNDEBUG" ;;
    fuzz) run_fuzzer ;;
    *) fail "no such lane: $lane" ;;
  esac
done
