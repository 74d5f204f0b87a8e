#!/usr/bin/env bash
# Builds the functions as they ship and, on what the processors have left beside that, wasmill, with FEATURES.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
# The functions take longer, and end with link-time optimisation on one processor: so they go first.
set -m
CARGO_TERM_PROGRESS_WHEN=never CARGO_TARGET_DIR=$cache/host nice \
  tools/step.sh "building wasmill" cargo build --release -p wasmill --features "${FEATURES:-}" &
host=$!
set +m
trap 'kill -- -$host 2>/dev/null || true' EXIT
tools/components.sh release
# Who asks tables looks at reports of them.
case ",${FEATURES:-}," in *,warehouse,*) tools/reports.sh "$cache/components/release" ;; esac
wait $host
trap - EXIT
tools/install.sh
