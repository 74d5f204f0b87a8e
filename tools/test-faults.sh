#!/usr/bin/env bash
# Crashes, kills, and stores and servers that fail: SEED and KILLS say which and how many. In builds of the program that
# have points to crash at. Arguments are names of tests.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export CARGO_TARGET_DIR=$cache/host WASMILL_COMPONENTS=$cache/components/quick POSTGRES NATS_SERVER LIBFAKETIME LAKE_PYTHON
POSTGRES=$(tools/postgres.sh)
NATS_SERVER=$(tools/python.sh nats tests/nats/requirements.txt)/nats-server
faketime=$(tools/program.sh faketime faketime libfaketime)
LAKE_PYTHON=$(tools/python.sh lake tests/lake/requirements.txt)/python
LIBFAKETIME=$(find "${faketime%/bin/faketime}/lib" -name libfaketimeMT.so.1 | head -1)
cargo test --workspace --exclude wasmill-tests-full --features wasmill/failpoints,wasmill/warehouse \
  --test faults --test faults_lake --test faults_tables --test faults_store --test faults_http --test faults_clock --test faults_postgres --test faults_nats -- --nocapture --test-threads 1 "$@"
