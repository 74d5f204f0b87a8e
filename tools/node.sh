#!/usr/bin/env bash
# Installs what a folder's package.json lists, once, and prints the folder that has it: tools/node.sh NAME FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
list=$2/package.json
folder=${WASMILL_CACHE:-$HOME/.cache/wasmill}/node/$1
if ! command -v npm >/dev/null; then
  printf 'there is no `npm`\nhint: install Node.js 20 or later\n' >&2
  exit 2
fi
if ! cmp -s "$list" "$folder/installed.json"; then
  printf 'installing %s …\n' "$list" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$list" "$folder"
  (cd "$folder" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts >&2)
  cp "$list" "$folder/installed.json"
fi
echo "$folder"
