#!/usr/bin/env bash
# Writes ci/requirements.lock: for everything that pyproject.toml and ci/requirements.in name the lowest
# version that they allow, for everything behind it the newest. So the tests run with the lower bounds
# that the package states. Then ci/dashboard.lock: what Ray's dashboard and job submission need beside it.
# Run it after a change of either file, and now and then for the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

setup_uv
"$UV" pip compile pyproject.toml ci/requirements.in --all-extras --resolution lowest-direct \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --custom-compile-command "bash ci/lock.sh" --upgrade --quiet --output-file ci/requirements.lock

# Apart from the rest, since a Ray with its dashboard takes far longer to start: see ci/setup.sh.
mapfile -t locked < <(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package=\1/p' ci/requirements.lock)
"$UV" pip compile - --constraints ci/requirements.lock "${locked[@]}" \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --custom-compile-command "bash ci/lock.sh" --upgrade --quiet --output-file ci/dashboard.lock <<<"ray[default]"
