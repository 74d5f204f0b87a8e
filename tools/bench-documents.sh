#!/usr/bin/env bash
# Document databases: writes beside their own clients, the change feed, and reads.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
wrk=$(tools/program.sh wrk wrk libluajit-5.1-2)
# Unpacked, it does not know where its library is.
libraries=${wrk%/bin/wrk}/lib/$(uname -m)-linux-gnu
python=$(tools/python.sh bench-documents bench/documents/requirements.txt)/python
node=$(tools/node.sh documents tests/documents)
CARGO_TARGET_DIR=$cache/host tools/step.sh "building what writes" \
  cargo build -q --release -p wasmill --example documents_bench
tools/step.sh "building an emulator of Cosmos DB" \
  cargo build -q --release --manifest-path tests/cosmos/Cargo.toml --target-dir "$cache/cosmos"
"$python" bench/documents/run.py --wasmill bin/wasmill --bench "$cache/host/release/examples/documents_bench" \
  --components bin/components --cosmos "$cache/cosmos/release/cosmos-server" --postgres "$(tools/postgres.sh)" \
  --couchdb "$node/node_modules/.bin/pouchdb-server" --wrk "env LD_LIBRARY_PATH=$libraries $wrk" "$@"
