#!/usr/bin/env bash
# Crashes at every point, kills at any moment: `make test-faults`, which builds the functions before.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
# A real broker.
nats=$(tools/python.sh nats tests/nats/requirements.txt)/nats-server
export CARGO_TARGET_DIR=$cache/host WASMILL_COMPONENTS=$cache/components/quick NATS_SERVER=$nats
exec cargo test --workspace --exclude wasmill-tests-full --features wasmill/failpoints \
  --test faults --test faults_nats -- --nocapture --test-threads 1
