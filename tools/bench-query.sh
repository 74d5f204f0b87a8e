#!/usr/bin/env bash
# TPC-H at scale 1 over tables of Delta Lake, beside DuckDB and DataFusion, and what PostgreSQL's protocol costs; three tables.
# Arguments go to bench/query/run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
tables=$(tools/made.sh "the tables of TPC-H" bench/query tpch)
python=$(tools/python.sh tpch bench/query/requirements.txt)/python
# Without a program, as in `WASMILL= tools/bench-query.sh`, the other two are compared.
wasmill=${WASMILL-bin/wasmill}
"$python" bench/query/run.py ${wasmill:+--wasmill "$wasmill"} --folder "$tables" --postgres "$(tools/postgres.sh)" "$@"
