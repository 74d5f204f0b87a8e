#!/usr/bin/env bash
# How well explain finds causes that are known, beside other methods: a table in Markdown. CASES=1000 tables of each setting,
# the other methods on the first OTHERS=200 of them; SETTING='S;L' for some settings. With `bench`: time and memory as
# tables grow.
set -euo pipefail
cd "$(dirname "$0")/../functions"
export CARGO_TARGET_DIR=${WASMILL_CACHE:-$HOME/.cache/wasmill}/functions
args=(--cases "${CASES:-1000}" --others "${OTHERS:-200}")
[ -z "${SETTING:-}" ] || args+=(--setting "$SETTING")
[ "${1:-}" != bench ] || args=(bench)
exec cargo run -q --release -p wasmill-explain --example eval -- "${args[@]}"
