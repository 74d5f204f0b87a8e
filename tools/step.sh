#!/usr/bin/env bash
# Says what is going on, runs a command, and says how long it took: tools/step.sh WHAT COMMAND…
set -euo pipefail
what=$1; shift
started=$SECONDS
printf '%s …\n' "$what" >&2
env "$@" || { code=$?; printf '%s failed\n' "$what" >&2; exit $code; }
printf '%s: done in %d s\n' "$what" $((SECONDS - started)) >&2
