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

# What puts endpoints on other platforms: manifests against schemas, images against good practice.
deploy=$(tools/python.sh deploy tests/deploy/requirements.txt)
"$deploy/python" tests/deploy/check.py
"$deploy/hadolint" Containerfile manifests/*/Containerfile

# A real registry to push to, and wasmCloud's `wash`, which pushes and pulls as well.
registry=$(tools/registry.sh)
wash=$(tools/python.sh registry tests/registry/requirements.txt)/wash

# The program of these tests is one of another package, which cargo does not build for them.
export CARGO_TARGET_DIR=$cache/host WASMILL_COMPONENTS=$cache/components/quick WASMILL_PROGRAM=$cache/host/debug/wasmill
cargo build -q --workspace
WASMILL_ZOO=$zoo/models DOCKER_REGISTRY=$registry WASH=$wash \
  cargo test --workspace --test zoo --test scaffold --test registry --test registry_use
