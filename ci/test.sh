#!/usr/bin/env bash
# Sets up what is missing, builds, and runs every test; pytest's closing line comes last.
# Each step is a script of its own: see CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CI=${CI:-true}
bash ci/package.sh
bash ci/lint.sh
bash ci/test-native.sh
bash ci/test-jvm.sh
bash ci/test-python.sh
