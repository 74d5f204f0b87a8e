#!/usr/bin/env bash
# Trains the demo's model on what the pipeline's own transform gives, and writes the scores that tests expect.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
python=$(tools/python.sh train manifests/flights/model/requirements.txt)/python
features=$cache/features.parquet
status=0
bin/wasmill run manifests/flights --until transform --out "$features" || status=$?
[ "$status" -le 1 ] || exit "$status"
"$python" manifests/flights/model/train.py "$features" "$@"
"$python" manifests/flights/model/expected_scores.py "$features"
