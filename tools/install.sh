#!/usr/bin/env bash
# Puts wasmill into bin/, with the functions beside it, and looks whether those run on other hosts as well.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
mkdir -p bin/components/{endpoint,documents}
put() { cmp -s "$1" "$2" || cp "$1" "$2"; }
put "$cache/host/release/wasmill" bin/wasmill
release=$cache/components/release
for component in "$release"/*.wasm "$release"/{endpoint,documents}/*.wasm; do put "$component" "bin/components${component#"$release"}"; done
[ ! -e "$release/reports.html" ] || put "$release/reports.html" bin/components/reports.html

# Looking at a component compiles it, so it is done once for each build of them.
looked=$cache/components/release/.inspected
for component in bin/components/*.wasm; do
  if [ "$component" -nt "$looked" ] || [ ! -e "$looked" ]; then
    tools/step.sh "inspecting the functions" bin/wasmill inspect bin/components/*.wasm >/dev/null
    touch "$looked"
    break
  fi
done
