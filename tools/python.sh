#!/usr/bin/env bash
# Makes a virtual environment with what a requirements file lists, once, and prints its folder of programs:
# tools/python.sh NAME FILE
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
list=$2
venv=$cache/python/$1
# A virtual environment holds its own path: one whose cache was moved is made again.
if ! { echo "# $venv" && cat "$list"; } | cmp -s - "$venv/installed.txt"; then
  printf 'installing %s …\n' "$list" >&2
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$list" >&2
  { echo "# $venv" && cat "$list"; } >"$venv/installed.txt"
fi
echo "$venv/bin"
