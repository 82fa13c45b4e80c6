#!/usr/bin/env bash
# Builds the wheel into build/wheels and installs it into .venv with its extras.
# Gradle, CMake and cargo rebuild only what changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
setup_uv
step "Building the wheel"
rm -rf build/wheels
# Selects the lowest manylinux tag that both shared objects satisfy. maturin fails if a tag would be wrong.
MATURIN_PEP517_ARGS="--compatibility pypi --auditwheel check" PATH=$PWD/.venv/bin:$PATH \
  "$UV" build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir build/wheels .
wheel=$(echo build/wheels/raydp-*.whl)
# .venv already has the dependencies of all extras, in the versions of the lock file. --offline makes sure of it.
extras=$(.venv/bin/python -c '
import pathlib, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
print(",".join(project["optional-dependencies"]))
')
"$UV" pip install --quiet --compile-bytecode --python .venv/bin/python --offline --reinstall-package raydp "${wheel}[$extras]"
echo "installed $(basename "$wheel") into .venv"
