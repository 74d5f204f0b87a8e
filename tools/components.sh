#!/usr/bin/env bash
# Builds the functions for wasm32-wasip2 and copies them to $WASMILL_CACHE/components/PROFILE.
#
#   tools/components.sh release   what ships and is measured
#   tools/components.sh quick     what the tests run, with the hostile ones and the examples
set -euo pipefail
cd "$(dirname "$0")/.."
profile=$1
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
rustc=$(tools/wasm-toolchain.sh)
packages=(ingest transform score publish)
names=("${packages[@]/#/wasmill-}")
if [ "$profile" = quick ]; then names+=(wasmill-hostile scale); fi

RUSTC=$rustc CARGO_TARGET_DIR=$cache/guests tools/step.sh "building the functions ($profile)" \
  cargo build --manifest-path functions/Cargo.toml --profile "$profile" --target wasm32-wasip2 "${names[@]/#/-p=}"

out=$cache/components/$profile
mkdir -p "$out"
for name in "${names[@]}"; do
  cp -u "$cache/guests/wasm32-wasip2/$profile/${name//-/_}.wasm" "$out/${name#wasmill-}.wasm"
done
