#!/usr/bin/env bash
# Creates the archives of Java classes with which the hundreds of JVMs of the Python tests start faster.
# Takes half a minute; does nothing if there are archives that fit the installed wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

step "Class-data archives"
use_quick_java
PATH=$PWD/.venv/bin:$PATH .venv/bin/python -m raydp archive --if-missing
