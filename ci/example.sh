#!/usr/bin/env bash
# Installs what is missing, builds the wheel, installs it into .venv with its extras, and runs examples/flights.py,
# which starts its own local Ray cluster.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/build.sh
step "Running examples/flights.py"
PATH=$PWD/.venv/bin:$PATH .venv/bin/python examples/flights.py "$@"
