#!/usr/bin/env bash
# The flights of a year by Wasmill and in Python; one table. bench/native, the same logic without sandboxes, needs
# the functions as rlibs; beside a cdylib that turns link-time optimisation off, so it is left out for now.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
python=$(tools/python.sh bench bench/python/requirements.txt)/python
"$python" bench/run.py --wasmill bin/wasmill --year "$cache/flights-2013" "$@"
