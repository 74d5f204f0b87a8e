#!/usr/bin/env bash
# The flights of a year by Wasmill, by the same logic compiled natively, and in Python; one table.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
tools/step.sh "building the native counterpart" CARGO_TARGET_DIR="$cache/bench" \
  cargo build --release --manifest-path bench/native/Cargo.toml
python=$(tools/python.sh bench bench/python/requirements.txt)/python
"$python" bench/run.py --wasmill bin/wasmill --native "$cache/bench/release/wasmill-bench-native" \
  --year "$cache/flights-2013" "$@"
