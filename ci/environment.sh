# Sourced by the scripts beside it: where things are, and the tools that they share.
# Everything that is worth keeping between checkouts lies in RAYDP_CACHE.
# shellcheck shell=bash

export RAYDP_CACHE=${RAYDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/raydp}
export UV_CACHE_DIR=$RAYDP_CACHE/uv
# uv brings certificates of its own; a company's are among the machine's.
if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}; fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
export RAYDP_GRADLE=${RAYDP_GRADLE:---no-daemon}

# Where ci/setup.sh puts the packages of ci/dashboard.lock, for the tests that want Ray's dashboard.
dashboard_folder() {
  printf '%s/dashboard-%s\n' "$RAYDP_CACHE" "$({ cat ci/dashboard.lock && find_python; } | sha256sum | cut -c 1-16)"
}

step() { printf '\n==> %s\n' "$*"; }
fail() {
  printf 'raydp: %s\n' "$*" >&2
  exit 1
}

# find_python: prints a Python of 3.11 or newer that has its headers, venv and pip; fails without a word.
find_python() {
  local candidate
  for candidate in ${RAYDP_PYTHON:+"$RAYDP_PYTHON"} python3.11 python3 /usr/bin/python3.11 /usr/bin/python3; do
    if "$candidate" - 2>/dev/null <<'PYTHON'; then
import ensurepip, pathlib, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
PYTHON
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

# setup_uv: sets UV, the installer that fills a virtual environment from the cache within seconds.
setup_uv() {
  local version home python
  version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' ci/requirements.in)
  home=$RAYDP_CACHE/uv-$version
  UV=$home/bin/uv
  if [[ ! -x $UV ]]; then
    python=$(find_python) || fail "Python 3.11 or newer with its headers and the venv module is needed; see ci/setup.sh"
    step "Installing uv $version into $home"
    rm -rf "$home.new.$$"
    "$python" -m venv "$home.new.$$"
    "$home.new.$$/bin/pip" install --quiet "uv==$version"
    mkdir -p "$home"
    rm -rf "$home"
    mv "$home.new.$$" "$home"
  fi
  follow_pip_configuration "$home/bin/python"
}

# uv has settings of its own; a mirror or a certificate that pip was told about holds for it as well.
follow_pip_configuration() {
  local name value
  while IFS='=' read -r name value; do
    value=${value#\'} value=${value%\'}
    case $name in
      *.index-url) export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$value} ;;
      *.extra-index-url) export UV_INDEX=${UV_INDEX:-$value} ;;
      *.find-links) export UV_FIND_LINKS=${UV_FIND_LINKS:-$value} ;;
      *.cert) export SSL_CERT_FILE=${SSL_CERT_FILE:-$value} ;;
    esac
  done < <("$1" -m pip config list 2>/dev/null)
}
