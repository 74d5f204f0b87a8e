#!/usr/bin/env bash
# The tests that need packages of Python's or Debian's; `make test` has run before.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}

# NAME FOLDER: what tests/NAME/make.py writes, made again when the script or its packages change.
made() {
  local folder=$cache/$1 made_of python
  made_of=$(cat "tests/$1/make.py" "tests/$1/requirements.txt" | sha256sum)
  if [ "$(cat "$folder/made-of" 2>/dev/null)" != "$made_of" ]; then
    python=$(tools/python.sh "$1" "tests/$1/requirements.txt")/python
    rm -rf "$folder"
    tools/step.sh "making the $2 of tests/$1" "$python" "tests/$1/make.py" "$folder/$2"
    printf '%s' "$made_of" >"$folder/made-of"
  fi
}

# Models, with what ONNX Runtime makes of them.
made zoo models
# ONNX's cases of its operators, and what tract by itself makes of them.
made operators cases
operators=$cache/operators
(cd functions && CARGO_TARGET_DIR=$cache/functions cargo build -q -p operators)
mkdir -p "$operators/tract"
for constants in none parameters all; do
  "$cache/functions/debug/operators" tract "$constants" "$operators"/cases/* >"$operators/tract/$constants" 2>/dev/null
done

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
WASMILL_ZOO=$cache/zoo/models WASMILL_OPERATORS=$operators DOCKER_REGISTRY=$registry WASH=$wash \
  cargo test --workspace --test operators --test zoo --test scaffold --test registry --test registry_use

# HTTP cases on every host of an endpoint.
tools/conformance.sh
