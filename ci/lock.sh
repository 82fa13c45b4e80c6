#!/usr/bin/env bash
# Writes ci/requirements.lock: the lowest allowed version of every package in pyproject.toml and ci/requirements.in, and
# the newest version of their dependencies. The tests therefore run with the lower bounds of the package.
# Then writes ci/dashboard.lock: the additional packages of Ray's dashboard and job submission.
# Run this after a change of pyproject.toml or ci/requirements.in, and from time to time to update the dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

setup_uv
"$UV" pip compile pyproject.toml ci/requirements.in --all-extras --resolution lowest-direct \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --custom-compile-command "bash ci/lock.sh" --upgrade --quiet --output-file ci/requirements.lock

# A separate file, because Ray takes much longer to start with its dashboard: see ci/setup.sh.
mapfile -t locked < <(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package=\1/p' ci/requirements.lock)
"$UV" pip compile - --constraints ci/requirements.lock "${locked[@]}" \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
  --custom-compile-command "bash ci/lock.sh" --upgrade --quiet --output-file ci/dashboard.lock <<<"ray[default]"
