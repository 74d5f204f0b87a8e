#!/usr/bin/env bash
# Makes a virtual environment with what a requirements file lists, once, and prints its folder of programs:
# tools/python.sh NAME FILE
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
list=$2
venv=$cache/python/$1
if ! cmp -s "$list" "$venv/installed.txt"; then
  printf 'installing %s …\n' "$list" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list" >&2
  cp "$list" "$venv/installed.txt"
fi
echo "$venv/bin"
