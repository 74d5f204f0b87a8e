#!/usr/bin/env bash
# The scoring endpoint of the flights: composed into one component, and served on 127.0.0.1:8080.
set -euo pipefail
cd "$(dirname "$0")/.."
endpoint=manifests/flights/.wasmill/flights.wasm
inputs=(bin/wasmill bin/components manifests/flights/pipeline.toml manifests/flights/flights.sql manifests/flights/model manifests/flights/data)
if [ ! -e "$endpoint" ] || [ -n "$(find "${inputs[@]}" -newer "$endpoint" -print -quit)" ]; then
  tools/step.sh "composing $endpoint" bin/wasmill compose manifests/flights >&2
fi
exec bin/wasmill serve "$endpoint" "$@"
