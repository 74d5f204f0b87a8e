#!/usr/bin/env bash
# One suite of HTTP cases, on every host, or on $ENDPOINTS; the functions have been built before.
set -euo pipefail
cd "$(dirname "$0")/.."
export WASMILL_CACHE=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export WASMILL_COMPONENTS=$WASMILL_CACHE/components/quick WASMILL_PROGRAM=$WASMILL_CACHE/host/debug/wasmill
CARGO_TARGET_DIR=$WASMILL_CACHE/host cargo build -q --workspace
# Microsoft's emulator of Cosmos DB, and the key that Microsoft publishes for emulators.
cargo build -q --manifest-path tests/cosmos/Cargo.toml --target-dir "$WASMILL_CACHE/cosmos"
export COSMOS_SERVER=$WASMILL_CACHE/cosmos/debug/cosmos-server
export COSMOS_KEY='C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=='
python=$(tools/python.sh conformance tests/conformance/requirements.txt)/python
exec "$python" -m pytest -c tests/conformance/pytest.ini tests/conformance "$@"
