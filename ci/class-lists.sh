#!/usr/bin/env bash
# Runs a small application and writes the classes that it loads to python/raydp/_machine/class_data/*.classes.gz. The
# class-data archives contain these classes. Run this after a change of the Spark, Ray or Java version. An outdated list
# only makes starts slower.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
bash ci/dev-build.sh
step "Class lists"
PATH=$PWD/.venv/bin:$PATH PYTHONPATH=python .venv/bin/python ci/class_lists.py
