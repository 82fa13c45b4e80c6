#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. The last line is pytest's summary.
# Each step is a separate script: see CONTRIBUTING.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CI=${CI:-true}
bash ci/package.sh
bash ci/lint.sh
bash ci/test-native.sh
bash ci/test-jvm.sh
bash ci/test-python.sh
