#!/usr/bin/env bash
# Sandboxes, batches and scoring endpoints, beside what else there is; three tables. Arguments go to bench/endpoint/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
CARGO_TARGET_DIR=$cache/bench tools/step.sh "building the native counterpart" \
  cargo build --release --manifest-path bench/native/Cargo.toml
python=$(tools/python.sh bench-endpoint bench/endpoint/requirements.txt)

wrk=($(command -v wrk || true))
if [ ${#wrk[@]} = 0 ]; then
  place=$cache/wrk
  if [ ! -x "$place/usr/bin/wrk" ]; then
    . tools/debian.sh
    unpack() { debian_lists "$place/apt" bookworm && debian_unpack "$place/apt" "$place" wrk libluajit-5.1-2; }
    echo "unpacking Debian's wrk …" >&2
    unpack >&2
  fi
  wrk=(env "LD_LIBRARY_PATH=$place/usr/lib/$(uname -m)-linux-gnu" "$place/usr/bin/wrk")
fi

# The models, and the endpoint of the small one for both versions of WASI.
models=$cache/bench-models
made_of=$(cat bench/endpoint/models.py bench/endpoint/requirements.txt | sha256sum)
if [ "$(cat "$models/made-of" 2>/dev/null)" != "$made_of" ]; then
  rm -rf "$models"
  tools/step.sh "making models" "$python/python" bench/endpoint/models.py "$models"
  printf '%s' "$made_of" >"$models/made-of"
fi
for wasi in 2 3; do
  tools/step.sh "composing the endpoint for WASI 0.$wasi" \
    bin/wasmill compose "$models/small" --wasi "0.$wasi" --out "$models/small-p$wasi.wasm" >&2
done

wasmtime=$(echo "$python"/../lib/python3.*/site-packages/wasmtime_cli/wasmtime)
chmod +x "$wasmtime"
exec "$python/python" bench/endpoint/run.py --wasmill bin/wasmill --wasmtime "$wasmtime" --wrk "${wrk[*]}" \
  --score "$cache/bench/release/score" --component bin/components/score.wasm --models "$models" "$@"
