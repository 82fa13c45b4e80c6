#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. The last line is pytest's summary.
# Each step is a separate script: see CONTRIBUTING.md.
#
#   bash ci/test.sh            runs every check and test
#   bash ci/test.sh --fast     runs those that start no Ray cluster and no Spark application and build no package
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
  "") fast=false ;;
  --fast) fast=true ;;
  *)
    echo "usage: bash ci/test.sh [--fast]" >&2
    exit 2
    ;;
esac

export CI=${CI:-true}
lanes=(release address thread)
if $fast; then lanes=(release); fi

bash ci/package.sh

# The C++ tests and the archives of Java classes, with which the Python tests start faster, depend on no other step.
# They run at the same time as the steps below, which use one core most of the time.
mkdir -p build
native_log=build/test-native.log
bash ci/test-native.sh "${lanes[@]}" >"$native_log" 2>&1 &
native=$!
trap 'kill "$native" 2>/dev/null || true' EXIT
if ! $fast; then bash ci/archives.sh & fi
bash ci/lint.sh
bash ci/test-jvm.sh
if ! wait "$native"; then
  cat "$native_log"
  exit 1
fi
trap - EXIT
cat "$native_log"
wait

if $fast; then
  bash ci/test-python.sh --numprocesses 2 -m "not cluster and not slow"
else
  bash ci/test-python.sh
fi
