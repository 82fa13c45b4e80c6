#!/usr/bin/env bash
# Writes everything that names the exact files to download, with their SHA-256:
#
#   ci/requirements.lock               .venv: the lowest allowed version of every package in pyproject.toml and
#                                      ci/requirements.in, and the newest version of their dependencies. The tests
#                                      therefore run with the lower bounds of the package.
#   ci/dashboard.lock                  the additional packages of Ray's dashboard and job submission
#   ci/tools.lock                      the tools of ci/tools.in
#   gradle/verification-metadata.xml   the jars of the JVM's tests and tools, as build.gradle and .scalafmt.conf name them
#
# Run this after a change of a file that is named here, and from time to time to update the dependencies.
#
#   bash ci/lock.sh [PACKAGE]...       updates only these Python packages; default: all
#   bash ci/lock.sh --keep             updates none, and writes what a changed version or a new dependency needs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

case ${1:-} in
  "") updates=(--upgrade) ;;
  --keep) updates=() ;;
  *) updates=("${@/#/--upgrade-package=}") ;;
esac

# The hashes are those of all files of a version: for every platform, and the sdist.
compile() {
  "$UV" pip compile --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
    --custom-compile-command "bash ci/lock.sh" "${updates[@]}" --quiet "$@" >/dev/null
}

setup_uv
compile pyproject.toml ci/requirements.in --all-extras --resolution lowest-direct --output-file ci/requirements.lock
compile ci/tools.in --output-file ci/tools.lock

# A separate file, because Ray takes much longer to start with its dashboard: see ci/setup.sh.
mapfile -t locked < <(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package=\1/p' ci/requirements.lock)
compile - --constraints ci/requirements.lock "${locked[@]}" --output-file ci/dashboard.lock <<<"ray[default]"

bash ci/setup.sh
# shellcheck disable=SC2086 # options, split on purpose
gradle $RAYDP_GRADLE --quiet lockDependencies -Dorg.gradle.dependency.verification=off "-Ppython=$PWD/.venv/bin/python"
