#!/bin/sh
# Create the virtual environment in the folder $1 with the first suitable Python.
# PYTHON=/path/to/python chooses another one.
set -eu

venv=$1
oldest="3.11"
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.13 python3.12 python3.11
fi

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

can_create_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# Debian and Ubuntu ship Python without ensurepip; the missing part is a package of its own.
install_venv_package() {
    package="python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    command -v apt-get >/dev/null 2>&1 ||
        fail "$1 cannot create virtual environments (module ensurepip is missing)." \
             "Install your system's package for Python's venv module, then run make again."
    if [ "$(id -u)" = 0 ]; then as_root=""
    elif sudo -n true 2>/dev/null; then as_root="sudo -n"
    else
        fail "$1 cannot create virtual environments (module ensurepip is missing)." \
             "Run 'sudo apt-get install $package', then run make again."
    fi
    echo "      installing $package ..."
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$package" >/dev/null
}

python=""
for candidate in "$@"; do
    if new_enough "$candidate"; then
        # The first one that needs nothing installed; else the first of all.
        if can_create_venv "$candidate"; then python=$candidate; break; fi
        python=${python:-$candidate}
    fi
done
[ -n "$python" ] ||
    fail "no Python $oldest or newer found (tried $*)." \
         "Install one, or name it: make PYTHON=/path/to/python3 ..."

can_create_venv "$python" || install_venv_package "$python"
"$python" -m venv --clear "$venv"
