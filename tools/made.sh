#!/usr/bin/env bash
# What a Python script writes, made again when the script or its packages change: tools/made.sh WHAT FOLDER NAME
# FOLDER has `make.py`, which is called with the folder to write, and `requirements.txt`. Prints that folder, which is
# NAME in the cache.
set -euo pipefail
cd "$(dirname "$0")/.."
what=$1 from=$2 name=$3
folder=${WASMILL_CACHE:-$HOME/.cache/wasmill}/$name
made_of=$(cat "$from/make.py" "$from/requirements.txt" | sha256sum)
if [ ! -e "$folder/made" ] || [ "$(cat "$folder/made-of" 2>/dev/null)" != "$made_of" ]; then
  python=$(tools/python.sh "$name" "$from/requirements.txt")/python
  rm -rf "$folder"
  tools/step.sh "making $what" "$python" "$from/make.py" "$folder/made" >&2
  printf '%s' "$made_of" >"$folder/made-of"
fi
echo "$folder/made"
