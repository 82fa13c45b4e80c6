#!/usr/bin/env bash
# Runs pytest on tests/ with the wheel that ci/build.sh installed into .venv.
#
#   bash ci/test-python.sh [pytest's arguments]      for one: tests/errors/test_java.py -k missing
#
# Without arguments, runs all tests in three processes, one file at a time in each: tests wait much of their time.
# tests/conftest.py says which files come first.
#
# RAYDP_TEST_PROCESSES   how many (default: 3, which suits 2 cores; each takes up to 6 GB of memory)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
if [[ ! -d $(echo .venv/lib/python3*/site-packages/raydp) ]]; then fail "run ci/build.sh first: raydp is not in .venv"; fi
RAYDP_PYTHON=$PWD/.venv/bin/python bash ci/dev-build.sh testing
use_quick_java
if (($# == 0)); then
  bash ci/archives.sh
  set -- --numprocesses "${RAYDP_TEST_PROCESSES:-3}" --dist loadfile --no-loadscope-reorder
fi
RAYDP_TEST_DASHBOARD=$(dashboard_folder)
export RAYDP_TEST_DASHBOARD
step "Python tests"
PATH=$PWD/.venv/bin:$PATH exec .venv/bin/python -m pytest --durations=30 "$@"
