#!/usr/bin/env bash
# The tests that need packages of Python's or Debian's; `make test` has run before.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}

# The models of the zoo, and what ONNX Runtime makes of them; made again when the script or its packages change.
zoo=$cache/zoo
made_of=$(cat tests/zoo/make.py tests/zoo/requirements.txt | sha256sum)
if [ "$(cat "$zoo/made-of" 2>/dev/null)" != "$made_of" ]; then
  python=$(tools/python.sh zoo tests/zoo/requirements.txt)/python
  rm -rf "$zoo"
  tools/step.sh "making the models of the zoo" "$python" tests/zoo/make.py "$zoo/models"
  printf '%s' "$made_of" >"$zoo/made-of"
fi

WASMILL_ZOO=$zoo/models WASMILL_COMPONENTS=$cache/components/quick CARGO_TARGET_DIR=$cache/host \
  cargo test --workspace --test zoo

# Pushing and pulling, with a real registry and wasmCloud's `wash`.
registry=$(tools/registry.sh)
wash=$(tools/python.sh registry tests/registry/requirements.txt)/wash
CARGO_TARGET_DIR=$cache/host cargo build --workspace --bin wasmill
WASMILL=$cache/host/debug/wasmill DOCKER_REGISTRY=$registry WASH=$wash \
  WASMILL_COMPONENTS=$cache/components/quick CARGO_TARGET_DIR=$cache/host \
  cargo test --workspace --test registry --test registry_use
