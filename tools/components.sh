#!/usr/bin/env bash
# Builds the functions for wasm32-wasip2 and copies them to $WASMILL_CACHE/components/PROFILE.
#
#   tools/components.sh release   what ships and is measured
#   tools/components.sh quick     what the tests run, with the hostile ones, the probe of hosts and the examples
set -euo pipefail
cd "$(dirname "$0")/.."
profile=$1
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
rustc=$(tools/wasm-toolchain.sh)
names=(ingest transform score publish explain gateway gateway-p3 chain events buffer pass settings-env settings-spin documents-guard)
names+=(documents-cosmos documents-couchdb documents-spin)
# What an endpoint is composed with is no step of a pipeline, and has a folder of its own.
declare -A folders=([gateway]=endpoint/ [gateway-p3]=endpoint/ [chain]=endpoint/ [probe]=endpoint/)
folders+=([events]=endpoint/ [buffer]=endpoint/ [pass]=endpoint/ [settings-env]=endpoint/ [settings-spin]=endpoint/)
folders+=([documents-guard]=endpoint/)
# So has what stands between a pipeline and a document database.
folders+=([documents-cosmos]=documents/ [documents-couchdb]=documents/ [documents-spin]=documents/)
# What runs the ONNX project's cases is no function at all.
folders[operators]=programs/
if [ "$profile" = quick ]; then names+=(hostile operators scale webhook probe); fi

# cargo gives components of two clones the same file: what another clone linked is not ours.
from=$cache/guests/built-from-$profile
if [ "$(cat "$from" 2>/dev/null)" != "$PWD" ]; then
  rm -f "$cache/guests/wasm32-wasip2/$profile"/deps/*.wasm
  mkdir -p "$cache/guests"
  echo "$PWD" >"$from"
fi

tools/steady.sh
# From their folder, because cargo reads functions/.cargo/config.toml (SIMD) only there.
cd functions
RUSTC=$rustc CARGO_TARGET_DIR=$cache/guests ../tools/step.sh "building the functions ($profile)" \
  cargo build --profile "$profile" --target wasm32-wasip2 "${names[@]/#/-p=}"

out=$cache/components/$profile
for name in "${names[@]}"; do
  built=$cache/guests/wasm32-wasip2/$profile/${name//-/_}.wasm
  kept=$out/${folders[$name]:-}$name.wasm
  mkdir -p "${kept%/*}"
  cmp -s "$built" "$kept" || cp "$built" "$kept"
done
