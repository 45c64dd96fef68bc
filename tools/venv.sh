# Virtual environments for tests and tools. They source it with the checkout's root as working directory.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pants-oci

say() { echo "== $*"; }

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

find_python() { # VERSION
  local python
  # A pyenv shim may not have a Python to run, so each candidate is tried.
  for python in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python "/usr/local/bin/python$1" \
    /opt/*/bin/"python$1"; do
    "$python" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null || continue
    echo "$python"
    return
  done
  return 1
}

# Sets `venv`. Named after the lock file's content, so that a new lock makes a new one.
make_venv() { # VERSION LOCK [NAME]
  local python sum
  sum=$(cksum <"$2")
  venv=$cache/${3:-test}-$1-${sum%% *}
  [[ -e $venv/ready ]] && return
  python=$(find_python "$1") || return 1
  say "Making a virtual environment for Python $1 from $2"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$2" ||
    fail "The requirements of $2 could not be installed in Python $1: see above."
  touch "$venv/ready"
}
