#!/usr/bin/env bash
# Writes ci/requirements.lock: for everything that pyproject.toml and ci/requirements.in name the lowest
# version that they allow, for everything behind it the newest. So the tests run with the lower bounds
# that the package states. Run it after a change of either file, and now and then for the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

setup_uv
"$UV" pip compile pyproject.toml ci/requirements.in --all-extras --resolution lowest-direct \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --custom-compile-command "bash ci/lock.sh" --upgrade --quiet --output-file ci/requirements.lock
