#!/usr/bin/env bash
# Builds the page of reports into a folder of functions, where wasmill looks for it: tools/reports.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
from=host/reports/page
folder=$(tools/node.sh reports $from)
# Unless it is as it was.
state=$(cd $from && find . -type f ! -path './node_modules/*' ! -path './dist/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat "$folder/built" 2>/dev/null)" != "$state" ]; then
  find "$folder" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name installed.json -exec rm -rf {} +
  (cd $from && find . -mindepth 1 -maxdepth 1 ! -name node_modules ! -name dist -exec cp -r {} "$folder" \;)
  tools/step.sh "building the page of reports" npm run --silent --prefix "$folder" build >&2
  echo "$state" >"$folder/built"
fi
mkdir -p "$1"
cmp -s "$folder/dist/index.html" "$1/reports.html" || cp "$folder/dist/index.html" "$1/reports.html"
