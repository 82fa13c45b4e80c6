#!/usr/bin/env bash
# Runs JUnit and ScalaTest with the JNI library of the wheel that ci/build.sh installed into .venv.
#
#   bash ci/test-jvm.sh [-PonlySuite=io.raydp.lifecycle.ReconcilerSuite]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
step "JVM tests"
library=$(echo .venv/lib/python3*/site-packages/raydp/lib/libraydp_jni.so)
if [[ ! -e $library ]]; then fail "run ci/build.sh first: there is no $library"; fi
# shellcheck disable=SC2086 # options, split on purpose
gradle $RAYDP_GRADLE --quiet test "-Ppython=$PWD/.venv/bin/python" "-PnativeLibrary=$library" "$@"
