#!/usr/bin/env bash
# From a checkout to the main example: sets up what is missing, builds, installs the wheel with its extras
# into .venv, and runs examples/flights.py on a local Ray cluster that the example starts itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/build.sh
step "Running examples/flights.py"
PATH=$PWD/.venv/bin:$PATH .venv/bin/python examples/flights.py "$@"
