#!/usr/bin/env bash
# clang-tidy over native/, with the checks of native/.clang-tidy.
#
#   bash ci/clang-tidy.sh [FILE]...     default: every .cc file below native/
#
# All files take two minutes of CPU time. Sources that a run without arguments found clean are not checked again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

bash ci/setup.sh
setup_uv

# Not in .venv: it is 140 MB, and nothing else uses it.
tool=$RAYDP_CACHE/clang-tidy-$(sed -n 's/^clang-tidy==\([^ ]*\).*/\1/p' ci/tools.lock)
install_packages "$tool" --requirements ci/tools.lock
clang_tidy=$tool/clang_tidy/data/bin/clang-tidy

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- native/ ci/clang-tidy.sh ci/tools.lock '*/NativeExchange.java')
clean=$RAYDP_CACHE/clang-tidy-clean/$(sha256sum "${sources[@]}" | sha256sum | cut -c 1-16)
if (($# == 0)) && [[ -e $clean ]]; then
  echo "skipped: these sources were found clean before"
  exit
fi

build=build/clang-tidy
mapfile -t headers < <(.venv/bin/python -c 'if True:
  import pybind11, sysconfig
  print(sysconfig.get_path("include"), pybind11.get_include(), sep="\n")')
mkdir -p build
{
  cmake -S native -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRAYDP_BUILD_TESTS=ON \
    -DRAYDP_BUILD_PYTHON=ON -DRAYDP_BUILD_PYTHON_TESTING=ON \
    "-DRAYDP_PYTHON_INCLUDE=${headers[0]}" "-DRAYDP_PYBIND11_INCLUDE=${headers[1]}"
  cmake --build "$build" --target raydp_jni_declarations
} >"$build.log" || { cat "$build.log"; exit 1; }

# Tests: GoogleTest's macros hide checks from the analysis and count as branches, and seeds are fixed on purpose.
for_tests=-bugprone-implicit-widening-of-multiplication-result,-bugprone-random-generator-seed
for_tests+=,-bugprone-throwing-static-initialization,-bugprone-unchecked-optional-access
for_tests+=",-clang-analyzer-*,-performance-inefficient-vector-operation,-readability-function-cognitive-complexity"

check() {
  local options=(-p "$build" --quiet)
  if [[ $1 == *_test.cc || $1 == */testing/* || $1 == */fuzz/* ]]; then options+=("--checks=$for_tests"); fi
  # Without the count of warnings in system headers, which it does not show.
  "$clang_tidy" "${options[@]}" "$1" 2> >(grep --invert-match 'generated\.$' >&2)
}
export build for_tests clang_tidy
export -f check

# The fuzzer needs Clang's headers and is not in the compilation database.
files=("$@")
if (($# == 0)); then mapfile -t files < <(git ls-files --cached --others --exclude-standard -- 'native/*.cc'); fi
# shellcheck disable=SC2016 # the inner shell expands it
printf '%s\0' "${files[@]}" | grep --null-data --invert-match exchange_fuzzer |
  xargs --null --max-procs "$(nproc)" --replace bash -c 'check "$1"' _ {}
if (($# == 0)); then
  mkdir -p "$(dirname "$clean")"
  touch "$clean"
fi
