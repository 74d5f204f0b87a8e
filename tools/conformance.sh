#!/usr/bin/env bash
# One suite of HTTP cases, on every host, or on $ENDPOINTS; the functions have been built before.
set -euo pipefail
cd "$(dirname "$0")/.."
export WASMILL_CACHE=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export WASMILL_COMPONENTS=$WASMILL_CACHE/components/quick WASMILL_PROGRAM=$WASMILL_CACHE/host/debug/wasmill
CARGO_TARGET_DIR=$WASMILL_CACHE/host cargo build -q --workspace
python=$(tools/python.sh conformance tests/conformance/requirements.txt)/python
exec "$python" -m pytest -c tests/conformance/pytest.ini tests/conformance "$@"
