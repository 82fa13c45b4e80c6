#!/usr/bin/env bash
# Writes the lists of classes that archives are made of, python/raydp/_machine/class_data/*.classes.gz, from what a small
# application loads. Run it after another version of Spark, Ray or Java; a list that is old only costs speed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
bash ci/dev-build.sh
step "Class lists"
PATH=$PWD/.venv/bin:$PATH PYTHONPATH=python .venv/bin/python ci/class_lists.py
