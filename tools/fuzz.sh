#!/usr/bin/env bash
# Feeds ingest's decoders what nobody would write, for a while each: SECONDS_EACH=60 TARGET=json tools/fuzz.sh
# What was found to be interesting is kept in the cache, and gone on with the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
seconds=${SECONDS_EACH:-60}
fuzz=functions/ingest/fuzz
# libFuzzer is built by a C++ compiler; without a sanitizer no unstable compiler is needed.
command -v c++ >/dev/null || { echo "no C++ compiler; install g++" >&2; exit 1; }
if ! "$cache/programs/fuzz/bin/cargo-fuzz" --version 2>/dev/null | grep -q '0\.13\.'; then
  cargo install -q --locked --root "$cache/programs/fuzz" --version '^0.13' cargo-fuzz
fi
export PATH=$cache/programs/fuzz/bin:$PATH CARGO_TARGET_DIR=$cache/fuzz
python3 "$fuzz/seeds.py" "$cache/fuzz-corpus"
tools/steady.sh
failed=0
for target in ${TARGET:-separated json packed encoded avro}; do
  corpus=$cache/fuzz-corpus/$target
  regressions=$fuzz/regressions/$target
  mkdir -p "$corpus" "$regressions"
  printf '%s: %s seconds …\n' "$target" "$seconds" >&2
  log=$cache/fuzz-$target.log
  cargo fuzz run -s none --fuzz-dir "$fuzz" "$target" "$corpus" "$regressions" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=20000 -print_final_stats=1 >"$log" 2>&1 || failed=1
  grep -E '^stat::number_of_executed_units|ERROR|panicked|Test unit written' "$log" | sed "s/^/  /" || true
done
[ "$failed" = 0 ] || { echo "see $cache/fuzz-*.log; put what failed into $fuzz/regressions/TARGET" >&2; exit 1; }
