#!/usr/bin/env bash
# Puts wasmill into bin/, with the functions beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
mkdir -p bin/components
cp -u "$cache/host/release/wasmill" bin/wasmill
cp -u "$cache"/components/release/*.wasm bin/components/
