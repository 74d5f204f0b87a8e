#!/usr/bin/env bash
# The page of reports in Chromium, on a real server with the flights in a lake, and a report as a file. WASMILL_SCREENSHOTS is a
# folder for pictures; arguments go to `node --test`. Needs a program with the feature `warehouse`.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export CHROMIUM WASMILL_PROGRAM WASMILL_REPORTS_URL WASMILL_REPORT_FILE MANIFESTS
export WASMILL_COMPONENTS=${WASMILL_COMPONENTS:-$cache/components/quick}
if [ -z "${WASMILL_PROGRAM:-}" ]; then
  CARGO_TARGET_DIR=$cache/host cargo build -q --workspace --features wasmill/warehouse
  WASMILL_PROGRAM=$cache/host/debug/wasmill
fi
tools/reports.sh "$WASMILL_COMPONENTS"
page=$cache/node/reports
tools/step.sh "the page's own tests" npm run --silent --prefix "$page" test

MANIFESTS=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -- -$server 2>/dev/null && wait $server || true; }; rm -rf "$MANIFESTS"' EXIT
for folder in flights flights-lake; do
  mkdir "$MANIFESTS/$folder"
  (cd manifests/$folder && find . -mindepth 1 -maxdepth 1 ! -name app ! -name .wasmill -exec cp -r {} "$MANIFESTS/$folder" \;)
done
# A group of its own, so that the database ends with it.
set -m
tools/demo-lake.sh reports --addr 127.0.0.1:0 >"$MANIFESTS/out" 2>"$MANIFESTS/log" &
server=$!
set +m
# It is up when January is in the table.
has_flights() {
  node -e '
    const body = JSON.stringify({ measures: ["flights"] });
    const asked = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    const answer = (response) => (response.ok ? response.json() : { rows: [[0]] });
    fetch(`${process.argv[1]}/v1/query`, asked).then(answer).then(({ rows }) => process.exit(rows[0][0] > 0 ? 0 : 1));
  ' "$1"
}
for _ in $(seq 300); do
  WASMILL_REPORTS_URL=$(grep -m1 '^http://' "$MANIFESTS/out" || true)
  if [ -n "$WASMILL_REPORTS_URL" ] && has_flights "$WASMILL_REPORTS_URL" 2>/dev/null; then break; fi
  kill -0 "$server" 2>/dev/null || { cat "$MANIFESTS/log" >&2; exit 1; }
  sleep 0.5
done
WASMILL_REPORT_FILE=$MANIFESTS/departures.html
"$WASMILL_PROGRAM" report "$MANIFESTS/flights-lake" --output "$WASMILL_REPORT_FILE"
"$WASMILL_PROGRAM" model validate "$MANIFESTS/flights-lake" >/dev/null

CHROMIUM=$(tools/chromium.sh)
browser=$(tools/node.sh browser tests/browser)
cp tests/browser/*.mjs "$browser"
tools/step.sh "the page of reports" \
  node --test --test-reporter=spec --test-concurrency=1 "$@" "$browser/reports.test.mjs" "$browser/why.test.mjs"
