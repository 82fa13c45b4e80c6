#!/usr/bin/env bash
# Builds the jar, the JNI library and the Python module into python/raydp/. You can then run everything from the
# checkout with PYTHONPATH=python. Rebuilds only what changed.
#
#   bash ci/dev-build.sh [jar|native|testing|yarn]...     default: all but yarn
#
# testing is the executors' end of the exchange as a Python module, for tests; it goes to build/testing/. yarn are the
# jars of a YARN cluster in one JVM, for tests; they go to build/yarn/.
#
# RAYDP_PYTHON   a Python with pyspark, ray and pybind11 (default: .venv/bin/python, then python3)
# RAYDP_GRADLE   options for Gradle, such as --no-daemon
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${RAYDP_PYTHON:-}
if [[ -z $python ]]; then
  python=python3
  if [[ -x .venv/bin/python ]]; then python=.venv/bin/python; fi
fi
python=$("$python" -c 'import sys; print(sys.executable)')
"$python" build_backend/raydp_build.py check

# Replaces a file by renaming, and only if it changed, because a process may have the old file mapped.
place() {
  mkdir -p "$(dirname "$2")"
  if cmp -s "$1" "$2"; then return; fi
  cp "$1" "$2.new.$$"
  mv -f "$2.new.$$" "$2"
  echo "built $2"
}

build_jar() {
  # shellcheck disable=SC2086 # options, split on purpose
  gradle ${RAYDP_GRADLE:-} -q wheelJar "-Ppython=$python" 2> >(grep -v -E '^openjdk|^OpenJDK' >&2)
  place build/wheel/raydp.jar python/raydp/jars/raydp.jar
}

build_native() {
  local messages
  messages=$(cd native && PYO3_PYTHON=$python cargo build --quiet --release --locked \
    --message-format=json-render-diagnostics)
  local module jni suffix
  module=$("$python" -c 'if True:
    import json, sys
    for message in map(json.loads, sys.stdin):
      if message["reason"] == "compiler-artifact" and message["target"]["name"] == "raydp_native":
        print(message["filenames"][0])
      if message["reason"] == "build-script-executed" and "raydp-native" in message["package_id"]:
        print(message["out_dir"] + "/libraydp_jni.so")
  ' <<<"$messages")
  jni=$(grep libraydp_jni.so <<<"$module")
  module=$(grep -v libraydp_jni.so <<<"$module")
  suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
  place "$module" "python/raydp/_native$suffix"
  place "$jni" python/raydp/lib/libraydp_jni.so
}

build_yarn() {
  # shellcheck disable=SC2086 # options, split on purpose
  gradle ${RAYDP_GRADLE:-} -q yarnJars "-Ppython=$python" 2> >(grep -v -E '^openjdk|^OpenJDK' >&2)
}

# In the folder of ci/test-native.sh's lane release: the core is compiled once for both.
build_testing() {
  local build=build/native-release headers
  mapfile -t headers < <("$python" -c \
    'import pybind11, sysconfig; print(sysconfig.get_path("include"), pybind11.get_include(), sep="\n")')
  mkdir -p build
  cmake -S native -B "$build" -G Ninja -DRAYDP_BUILD_JNI=OFF -DRAYDP_BUILD_PYTHON_TESTING=ON \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -DNDEBUG" \
    "-DRAYDP_PYTHON_INCLUDE=${headers[0]}" "-DRAYDP_PYBIND11_INCLUDE=${headers[1]}" \
    >"$build.log" || { cat "$build.log"; exit 1; }
  cmake --build "$build" --target raydp_native_testing >"$build.log" || { cat "$build.log"; exit 1; }
  place "$build/raydp_native_testing.so" build/testing/raydp_native_testing.so
}

mkdir -p build
exec 9>build/.dev-build.lock
if ! flock --timeout 900 9; then
  echo "dev-build: another build of this checkout did not finish within 15 minutes" >&2
  exit 1
fi
if [[ $# -eq 0 ]]; then set -- jar native testing; fi
for part in "$@"; do
  "build_$part" 9>&-
done
