#!/usr/bin/env bash
# The demo: January 2013, 27,004 flights out of New York, through ingest, transform, score and publish.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
bin/wasmill run manifests/flights || status=$?
# 1 means rejected rows, which this data has; anything above is a failure.
[ "$status" -le 1 ] || exit "$status"
echo
echo "The five routes with the highest mean risk of arriving late:"
bin/wasmill documents list manifests/flights --collection routes --order -risk.mean --limit 5 |
  sed -E 's/.*"body"://; s/\}$//'
echo
echo "Next: bin/wasmill documents list flights --order -risk --limit 3"
