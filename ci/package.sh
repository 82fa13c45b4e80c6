#!/usr/bin/env bash
# Writes the files of a release to dist/: the wheel, the sdist, and the jar, which contains the JNI library, with its
# software bill of materials.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/build.sh
setup_uv
step "Packing dist/"
rm -rf dist
mkdir -p dist
cp build/wheels/raydp-*.whl dist/
PATH=$PWD/.venv/bin:$PATH "$UV" build --quiet --sdist --no-build-isolation --python .venv/bin/python --out-dir dist .
rm -f dist/.gitignore

# The jar gets the library of the wheel, so nothing is compiled twice and both are the same.
rm -rf build/wheel-content
.venv/bin/python -m zipfile --extract dist/raydp-*.whl build/wheel-content
# shellcheck disable=SC2086 # options, split on purpose
gradle $RAYDP_GRADLE --quiet jar "-Ppython=$PWD/.venv/bin/python" -PnativeLibrary=build/wheel-content/raydp/lib/libraydp_jni.so
name=raydp-$(sed -n 's/^version = "\(.*\)"/\1/p' native/Cargo.toml)
cp "build/libs/$name.jar" dist/
.venv/bin/python build_backend/raydp_parts.py "dist/$name.jar" "dist/$name-cyclonedx.json"
ls -l dist
