#!/usr/bin/env bash
# Flights from CSV and JSON into tables of Delta Lake, by Wasmill, natively, and by what else there is; two tables. Arguments go
# to bench/lake/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
# Most of its crates are the host's.
tools/step.sh "building the native counterpart" CARGO_TARGET_DIR="$cache/host" \
  cargo build --release --manifest-path bench/lake/Cargo.toml
python=$(tools/python.sh bench-lake bench/lake/requirements.txt)/python
"$python" bench/lake/run.py --wasmill bin/wasmill --native "$cache/host/release/wasmill-bench-lake" \
  --flights "$cache/flights-2013/data/flights-2013.csv.gz" --folder "$cache/bench-lake" "$@"
