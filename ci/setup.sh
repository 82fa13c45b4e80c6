#!/usr/bin/env bash
# Prepares this machine to build and test. Installs missing system packages if it may, then fills the virtual
# environment .venv with the versions of ci/requirements.lock, and a folder with those of ci/dashboard.lock. A second
# run changes nothing and takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ci/environment.sh
source ci/environment.sh

# ---- System packages -----------------------------------------------------------------------------------
version_at_least() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

has_jdk() {
  local javac=${JAVA_HOME:+$JAVA_HOME/bin/}javac
  command -v "$javac" >/dev/null && version_at_least 17 "$("$javac" -version 2>&1 | cut -d ' ' -f 2)"
}
has_gradle() { command -v gradle >/dev/null; }
has_compiler() { command -v "${CXX:-c++}" >/dev/null; }
has_cmake() { command -v cmake >/dev/null; }
has_ninja() { command -v ninja >/dev/null; }
has_cargo() { command -v cargo >/dev/null && version_at_least 1.83 "$(cargo --version | cut -d ' ' -f 2)"; }
has_googletest() { "${CXX:-c++}" -x c++ -E -include gtest/gtest.h /dev/null >/dev/null 2>&1; }
has_mpi() { command -v mpirun >/dev/null; }
has_hosts() { command -v ip >/dev/null && command -v ss >/dev/null; }
has_python() { find_python >/dev/null; }

missing=()
for need in jdk:openjdk-17-jdk-headless gradle:gradle compiler:g++ cmake:cmake \
  ninja:ninja-build googletest:libgtest-dev mpi:openmpi-bin hosts:iproute2 cargo:cargo-web \
  "python:python3 python3-venv python3-dev"; do
  if ! "has_${need%%:*}"; then
    # shellcheck disable=SC2206 # several packages, split on purpose
    missing+=(${need#*:})
  fi
done
as_root=()
if command -v apt-get >/dev/null; then
  if [[ $(id -u) -eq 0 ]]; then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
  fi
fi
# Nobody has to install it: it only saves ci/test-native.sh the time to compile sources that have not changed.
if ((${#as_root[@]})) && ! command -v ccache >/dev/null; then missing+=(ccache); fi
if ((${#missing[@]})); then
  install=(apt-get install --yes --no-install-recommends "${missing[@]}")
  if ! command -v apt-get >/dev/null; then
    fail "install these packages (named as on Debian), then run this again. Rust 1.83 or newer is also at https://rustup.rs: ${missing[*]}"
  elif ((${#as_root[@]} == 0)); then
    fail "as root, run 'apt-get update && ${install[*]}', then run this again"
  fi
  step "Installing system packages: ${missing[*]}"
  "${as_root[@]}" apt-get update --quiet=2
  "${as_root[@]}" "${install[@]}" --quiet=2 -o Dpkg::Use-Pty=0 >/dev/null
fi

# ---- Python --------------------------------------------------------------------------------------------
setup_uv
python=$(find_python) || fail "no Python 3.11 or newer with headers and venv was found; set RAYDP_PYTHON to one"
wanted=$(sha256sum ci/requirements.lock | cut -d ' ' -f 1)-$python
if [[ ! -x .venv/bin/python || $(cat .venv/raydp-lock 2>/dev/null) != "$wanted" ]]; then
  step "Filling .venv from ci/requirements.lock"
  "$UV" venv --quiet --clear --python "$python" .venv
  # Compile here, or each process that imports a package compiles it again if PYTHONDONTWRITEBYTECODE is set.
  # A Ray cluster starts a dozen processes, which would take seconds each.
  # The lock also constrains what is installed to build sdists, such as PySpark's: setuptools.
  fill=("$UV" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes
    --build-constraints ci/requirements.lock --requirements ci/requirements.lock)
  # Use only the cache if it has everything. An index that forbids caching would send PySpark's sdist each time.
  "${fill[@]}" --offline 2>/dev/null || "${fill[@]}"
  "$UV" cache prune --quiet # removes what such an index sent before
  echo "$wanted" >.venv/raydp-lock
fi

# These packages are not in .venv. If they were, each of the hundreds of Ray clusters in the tests would start the
# expensive agent of Ray's dashboard. Programs that need the dashboard add this folder to PYTHONPATH.
install_packages "$(dashboard_folder)" --requirements ci/dashboard.lock
