#!/usr/bin/env bash
# Checks everything and changes nothing. With --fix, runs the formatters first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

fix=false
if [[ ${1:-} == --fix ]]; then fix=true; fi
bash ci/setup.sh
export PATH=$PWD/.venv/bin:$PATH
mapfile -t cpp < <(git ls-files --cached --others --exclude-standard -- 'native/*.cc' 'native/*.h')
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- 'ci/*.sh' .ci/run)

scalafmt() {
  # shellcheck disable=SC2086 # options, split on purpose
  gradle $RAYDP_GRADLE --quiet "$1" "-Ppython=$PWD/.venv/bin/python"
}

if $fix; then
  ruff format --quiet
  ruff check --quiet --fix || true # the remaining findings are reported below
  clang-format -i "${cpp[@]}"
  scalafmt scalafmt
  if command -v rustfmt >/dev/null; then cargo fmt --manifest-path native/Cargo.toml; fi
fi

step "Python: ruff, mypy"
ruff format --check --quiet
ruff check
mypy
mypy --config-file tests/mypy.ini # whether tests and benchmarks call functions with arguments that these have
step "C++: clang-format"
clang-format --dry-run --Werror "${cpp[@]}"
step "C++: clang-tidy"
bash ci/clang-tidy.sh
step "Scala: scalafmt"
scalafmt scalafmtCheck
step "JVM: directions of imports"
python ci/check-packages.py
step "JVM: sources for some versions of Spark"
python ci/check-spark-versions.py
step "Rust: rustfmt"
if command -v rustfmt >/dev/null; then
  cargo fmt --manifest-path native/Cargo.toml --check
else
  echo "skipped: rustfmt is not installed (Debian's cargo-web does not contain it; rustup's toolchain does)"
fi
step "Shell: shellcheck"
shellcheck --external-sources "${scripts[@]}"
