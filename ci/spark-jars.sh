#!/usr/bin/env bash
# Builds raydp's jar for other versions of Spark, from the jars of Maven Central, and puts them into python/raydp/jars/.
# raydp takes the one for the installed PySpark. ci/dev-build.sh builds the jar for the main version.
#
#   bash ci/spark-jars.sh [VERSION]...     such as 4.1 or 3.5_2.13; default: all that gradle/spark.gradle lists
#
# RAYDP_PYTHON   a Python with ray (default: .venv/bin/python)
# RAYDP_GRADLE   options for Gradle
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

if [[ $# -eq 0 ]]; then
  mapfile -t listed < <(sed -n "s/^ *'\([0-9._]*\)': \[spark: .*/\1/p" gradle/spark.gradle)
  set -- "${listed[@]}"
fi
for version in "$@"; do
  step "The jar for Spark $version"
  # shellcheck disable=SC2086 # options, split on purpose
  gradle $RAYDP_GRADLE --quiet wheelJar "-PsparkVersion=$version" "-Ppython=${RAYDP_PYTHON:-$PWD/.venv/bin/python}"
  mkdir -p python/raydp/jars
  for jar in build/spark-"$version"*/wheel/raydp-spark-"$version"*.jar; do
    cp "$jar" "python/raydp/jars/.new.$$"
    mv "python/raydp/jars/.new.$$" "python/raydp/jars/$(basename "$jar")" # a JVM may have the old file open
    echo "built python/raydp/jars/$(basename "$jar")"
  done
done
