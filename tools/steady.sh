#!/usr/bin/env bash
# Gives functions/zstd the time at which what it holds was first seen. cargo goes by times, and in a clone all of them are
# new: nearly everything of the functions is built upon this crate, and would be built again for each clone.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
seen=$cache/zstd-seen
mkdir -p "$cache"
now=$(find functions/zstd -type f | sort | xargs sha256sum | sha256sum)
[ "$(cat "$seen" 2>/dev/null)" = "$now" ] || echo "$now" >"$seen"
find functions/zstd -exec touch -r "$seen" {} +
