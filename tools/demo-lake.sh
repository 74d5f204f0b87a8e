#!/usr/bin/env bash
# The demo with planes and airlines from a PostgreSQL of its own, and the weather and the flights in tables of Delta Lake. With
# `reports` it stays up, and shows reports of them until Ctrl-C; what follows goes to `wasmill up`. Tests give it a program and a
# copy of the manifests, WASMILL_PROGRAM and MANIFESTS.
set -euo pipefail
cd "$(dirname "$0")/.."
here=${MANIFESTS:-manifests}/flights-lake
wasmill=${WASMILL_PROGRAM:-bin/wasmill}
port=54313
programs=$(tools/postgres.sh)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -QUIT "$server" && wait "$server" || true; }; rm -rf "$folder"' EXIT

# Where it was unpacked to, its libraries are as well; and it refuses to be root.
postgres() { # PROGRAM ARGUMENTS…
  local program=$programs/$1; shift
  local as=()
  [ "$(id -u)" != 0 ] || as=(unshare --user --map-user=1000 --map-group=1000)
  LD_LIBRARY_PATH=${programs%/usr/lib/postgresql/*}/usr/lib/x86_64-linux-gnu exec "${as[@]}" "$program" "$@"
}
sql() { (postgres psql -q -h 127.0.0.1 -p $port -U wasmill -d postgres -v ON_ERROR_STOP=1 "$@"); }

echo "starting PostgreSQL …" >&2
(postgres initdb -U wasmill --auth trust --encoding UTF8 --no-sync --pgdata "$folder/data") >/dev/null
postgres postgres -D "$folder/data" -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  2>"$folder/log" &
server=$!
for _ in $(seq 100); do
  ! sql -c 'SELECT' >/dev/null 2>&1 || break
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done
sql <<'SQL'
CREATE TABLE airlines (carrier text NOT NULL, name text NOT NULL);
CREATE TABLE planes (
    tailnum text NOT NULL, year smallint, type text, manufacturer text, model text, engines smallint, seats smallint,
    speed smallint, engine text
);
SQL
sql -c '\copy airlines FROM STDIN (FORMAT csv, HEADER)' <manifests/flights/data/airlines.csv
zcat manifests/flights/data/planes.csv.gz | sql -c "\\copy planes FROM STDIN (FORMAT csv, HEADER, NULL 'NA')"

"$wasmill" run "$here/weather.toml"
if [ "${1:-}" = reports ]; then
  shift
  echo "a page of reports opens with the address below; Ctrl-C ends it" >&2
  "$wasmill" up "$here" --access "$here/access.toml" "$@" || true
  exit
fi
status=0
"$wasmill" run "$here" || status=$?
# 1 means rejected rows, which this data has; anything above is a failure.
[ "$status" -le 1 ] || exit "$status"
echo
"$wasmill" tables list "$here"
echo
echo "Next: bin/wasmill tables history $here/.wasmill/lake/flights"
echo "      make reports"
echo "      bin/wasmill query $here \"SELECT carrier, avg(risk) AS risk FROM flights GROUP BY carrier ORDER BY risk DESC\""
