#!/usr/bin/env bash
# The client for TypeScript by itself, and the flights' page in Chromium on a real server. WASMILL_SCREENSHOTS is a folder
# for pictures of the page; arguments go to `node --test`.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
export CHROMIUM WASMILL_CLIENT WASMILL_PAGE WASMILL_PROGRAM WASMILL_PIPELINE=$PWD/manifests/flights
export WASMILL_COMPONENTS=${WASMILL_COMPONENTS:-$cache/components/quick}
if [ -z "${WASMILL_PROGRAM:-}" ]; then
  CARGO_TARGET_DIR=$cache/host cargo build -q -p wasmill
  WASMILL_PROGRAM=$cache/host/debug/wasmill
fi
CHROMIUM=$(tools/chromium.sh)
WASMILL_PAGE=$(tools/app.sh)

# Modules are found beside the file that names them.
WASMILL_CLIENT=$cache/node/app/clients/typescript
tools/step.sh "the client's types" npm run --silent --prefix "$WASMILL_CLIENT" check
tools/step.sh "the client" npm run --silent --prefix "$WASMILL_CLIENT" test

browser=$(tools/node.sh browser tests/browser)
cp tests/browser/*.mjs "$browser"
tools/step.sh "the client and the page on a server" \
  node --test --test-reporter=spec --test-concurrency=1 "$@" "$browser"/{client,page}.test.mjs
