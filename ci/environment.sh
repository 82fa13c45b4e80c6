# The other scripts of this folder source this file. It defines paths and shared functions.
# RAYDP_CACHE holds everything that is worth keeping between checkouts.
# shellcheck shell=bash

export RAYDP_CACHE=${RAYDP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/raydp}
export UV_CACHE_DIR=$RAYDP_CACHE/uv
# uv has its own certificates. A company's certificates are among the machine's.
if [[ -e /etc/ssl/certs/ca-certificates.crt ]]; then export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}; fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
export RAYDP_GRADLE=${RAYDP_GRADLE:---no-daemon}

# Prints the folder into which ci/setup.sh installs ci/dashboard.lock, for the tests that need Ray's dashboard.
dashboard_folder() {
  printf '%s/dashboard-%s\n' "$RAYDP_CACHE" "$({ cat ci/dashboard.lock && find_python; } | sha256sum | cut -c 1-16)"
}

# install_packages FOLDER --requirements FILE: installs into a folder of its own, unless it exists. Every line of the
# file must have hashes. Needs setup_uv.
install_packages() {
  local folder=$1
  shift
  if [[ -d $folder ]]; then return; fi
  step "Installing $* into $folder"
  "$UV" pip install --quiet --compile-bytecode --no-deps --require-hashes --python .venv/bin/python \
    --target "$folder.new.$$" "$@"
  mv --no-target-directory "$folder.new.$$" "$folder" || [[ -d $folder ]] # another process was faster
  rm -rf "$folder.new.$$"
}

# use_quick_java: makes Java start programs with its first compiler and its simplest garbage collector only. A JVM that
# lives for seconds needs a third less CPU time that way, and the tests start hundreds of them. Another collector in a
# program's options wins, and archives of classes are made with the usual one. The folder of this Java has the layout of
# a JDK.
use_quick_java() {
  local java home script folder
  java=$(command -v "${JAVA_HOME:+$JAVA_HOME/bin/}java") || fail "no java was found; run ci/setup.sh"
  home=$(dirname "$(dirname "$(readlink -f "$java")")")
  if [[ $home == */quick-java-* ]]; then return; fi
  script='#!/bin/sh
case " $* " in
  *" -XX:+Use"*"GC "* | *" -Xshare:dump "*) exec "'$home'/bin/java" -XX:TieredStopAtLevel=1 "$@" ;;
  *) exec "'$home'/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$@" ;;
esac'
  folder=$RAYDP_CACHE/quick-java-$(sha256sum <<<"$script" | cut -c 1-16)
  if [[ ! -d $folder ]]; then
    mkdir -p "$folder.new.$$/bin"
    ln -s "$home"/* "$folder.new.$$/" 2>/dev/null || true # all but bin, which exists
    ln -s "$home"/bin/* "$folder.new.$$/bin/"
    rm "$folder.new.$$/bin/java"
    printf '%s\n' "$script" >"$folder.new.$$/bin/java"
    chmod +x "$folder.new.$$/bin/java"
    mv --no-target-directory "$folder.new.$$" "$folder" || [[ -d $folder ]] # another process was faster
    rm -rf "$folder.new.$$"
  fi
  export PATH=$folder/bin:$PATH
  if [[ -n ${JAVA_HOME:-} ]]; then export JAVA_HOME=$folder; fi
}

step() { printf '\n==> %s\n' "$*"; }
fail() {
  printf 'raydp: %s\n' "$*" >&2
  exit 1
}

# find_python: prints the path of a Python 3.11 or newer with headers, venv and pip. Fails without output if there is
# none.
find_python() {
  local candidate
  for candidate in ${RAYDP_PYTHON:+"$RAYDP_PYTHON"} python3.11 python3 /usr/bin/python3.11 /usr/bin/python3; do
    if "$candidate" - 2>/dev/null <<'PYTHON'; then
import ensurepip, pathlib, sys, sysconfig, venv
sys.exit(sys.version_info < (3, 11) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())
PYTHON
      # Not that of a virtual environment which is active: ci/setup.sh would take .venv for outdated and delete it.
      "$candidate" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))'
      return
    fi
  done
  return 1
}

# setup_uv: sets UV to the installer, which fills a virtual environment from the cache in seconds.
setup_uv() {
  local locked version home python
  locked=$(awk '/^[^ #]/ { wanted = /^uv==/ } wanted' ci/requirements.lock) # with its hashes
  version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' <<<"$locked")
  home=$RAYDP_CACHE/uv-$version
  UV=$home/bin/uv
  if [[ ! -x $UV ]]; then
    python=$(find_python) || fail "no Python 3.11 or newer with headers and the venv module was found; run ci/setup.sh"
    step "Installing uv $version into $home"
    rm -rf "$home.new.$$"
    "$python" -m venv "$home.new.$$"
    "$home.new.$$/bin/pip" install --quiet --require-hashes --only-binary :all: --requirement <(echo "$locked")
    mkdir -p "$home"
    rm -rf "$home"
    mv "$home.new.$$" "$home"
  fi
  follow_pip_configuration "$home/bin/python"
}

# uv has its own settings. This function copies the mirrors and certificates of pip's configuration to them.
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
