#!/usr/bin/env bash
# Builds the flights' page and the client that it uses, in the cache, and prints the folder of its files.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}/node/app
if ! command -v npm >/dev/null; then
  printf 'there is no `npm`\nhint: install Node.js 20.19 or later\n' >&2
  exit 2
fi
# They stand beside each other as they do here: the page names the client by its folder.
for folder in clients/typescript manifests/flights/app; do
  to=$cache/$folder
  mkdir -p "$to"
  find "$to" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name installed.json -exec rm -rf {} +
  (cd "$folder" && find . -mindepth 1 -maxdepth 1 ! -name node_modules ! -name dist -exec cp -r {} "$to" \;)
  if ! cmp -s "$folder/package.json" "$to/installed.json"; then
    printf 'installing %s/package.json …\n' "$folder" >&2
    rm -rf "$to/node_modules"
    (cd "$to" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts >&2)
    cp "$folder/package.json" "$to/installed.json"
  fi
  (cd "$to" && npm run --silent build >&2)
done
echo "$cache/manifests/flights/app/dist"
