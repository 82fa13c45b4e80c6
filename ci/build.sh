#!/usr/bin/env bash
# Builds the wheel into build/wheels and installs it, with its extras, into .venv.
# Gradle, CMake and cargo redo only what changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
setup_uv
step "Building the wheel"
rm -rf build/wheels
# The lowest manylinux tag that both shared objects keep to; maturin fails rather than tag it wrongly.
MATURIN_PEP517_ARGS="--compatibility pypi --auditwheel check" PATH=$PWD/.venv/bin:$PATH \
  "$UV" build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir build/wheels .
wheel=$(echo build/wheels/raydp-*.whl)
# Its dependencies are there, with the lock's versions: --offline only confirms it.
"$UV" pip install --quiet --compile-bytecode --python .venv/bin/python --offline --reinstall-package raydp "${wheel}[examples,lightgbm,sklearn,test,tf,torch,xgboost]"
echo "installed $(basename "$wheel") into .venv"
