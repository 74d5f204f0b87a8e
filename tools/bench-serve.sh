#!/usr/bin/env bash
# Sandboxes, batches and scoring endpoints, beside what else there is; three tables. Arguments go to bench/endpoint/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
CARGO_TARGET_DIR=$cache/bench tools/step.sh "building the native counterpart" \
  cargo build --release --manifest-path bench/native/Cargo.toml
python=$(tools/python.sh bench-endpoint bench/endpoint/requirements.txt)

wrk=$(tools/program.sh wrk wrk libluajit-5.1-2)
# Unpacked, it does not know where its library is.
libraries=${wrk%/bin/wrk}/lib/$(uname -m)-linux-gnu

# The models, and the endpoint of the small one for both versions of WASI.
models=$(tools/made.sh "models" bench/endpoint bench-endpoint)
for wasi in 2 3; do
  tools/step.sh "composing the endpoint for WASI 0.$wasi" \
    bin/wasmill compose "$models/small" --wasi "0.$wasi" --out "$models/small-p$wasi.wasm" >&2
done

wasmtime=$(echo "$python"/../lib/python3.*/site-packages/wasmtime_cli/wasmtime)
chmod +x "$wasmtime"
exec "$python/python" bench/endpoint/run.py --wasmill bin/wasmill --wasmtime "$wasmtime" \
  --wrk "env LD_LIBRARY_PATH=$libraries $wrk" --score "$cache/bench/release/score" \
  --component bin/components/score.wasm --models "$models" "$@"
