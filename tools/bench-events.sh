#!/usr/bin/env bash
# Small events from HTTP and from NATS to documents: how many a second, how long one takes, and what the journal costs.
set -euo pipefail
cd "$(dirname "$0")/.."
wrk=$(tools/program.sh wrk wrk libluajit-5.1-2)
# Unpacked, it does not know where its library is.
libraries=${wrk%/bin/wrk}/lib/$(uname -m)-linux-gnu
models=$(tools/made.sh "models" bench/endpoint bench-endpoint)
nats=$(tools/python.sh bench-events bench/events/requirements.txt)
python3 bench/events/run.py --wasmill bin/wasmill --wrk "env LD_LIBRARY_PATH=$libraries $wrk" --models "$models" "$@"
"$nats/python" bench/events/nats_workers.py --wasmill bin/wasmill --nats-server "$nats/nats-server" --models "$models"
