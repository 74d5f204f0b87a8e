#!/usr/bin/env bash
# Crashes, kills, and stores and servers that fail: SEED and KILLS say which and how many. In builds of the program that
# have points to crash at.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export CARGO_TARGET_DIR=$cache/host POSTGRES
POSTGRES=$(tools/postgres.sh)
cargo test --workspace --exclude wasmill-tests-full --features wasmill/failpoints \
  --test faults --test faults_store --test faults_postgres -- --nocapture --test-threads 1
