#!/usr/bin/env bash
# Writes docs/configuration.md from the registry in the jar. Rebuilds the jar first if it is out of date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
step "docs/configuration.md"
bash ci/dev-build.sh jar
scala=$(echo .venv/lib/python3*/site-packages/pyspark/jars/scala-library-*.jar)
java -cp "python/raydp/jars/raydp.jar:$scala" io.raydp.configuration.ConfigurationPage >docs/configuration.md.new
mv docs/configuration.md.new docs/configuration.md
