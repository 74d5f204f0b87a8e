#!/usr/bin/env bash
# Runs tests/wire/run.py with the clients that it needs, from Debian's packages and Python's: tools/wire.sh [OPTIONS] HOST PORT
# With `reference` as the first word, against a real PostgreSQL: tools/wire.sh reference [OPTIONS]
# With `wasmill`, against one that is started for it, WASMILL_PROGRAM, with `wasmill-tls` encrypted: tools/wire.sh wasmill [OPTIONS]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(tools/python.sh wire tests/wire/requirements.txt)/python
postgres=$(tools/postgres.sh)

# Two drivers, which are no programs, and a JDK that can run a file of Java, if there is none.
dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/programs/wire
if [ ! -e "$dir/done" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    printf 'drivers for ODBC and JDBC are fetched on Debian only\n' >&2
    exit 2
  fi
  printf 'fetching drivers for ODBC and JDBC …\n' >&2
  rm -rf "$dir"
  . tools/debian.sh
  debian_lists "$dir/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")" >&2
  packages=(odbc-postgresql libodbc2 libodbcinst2 libltdl7 libpq5 libpostgresql-jdbc-java libscram-java libstringprep-java)
  if [[ $(java --list-modules 2>/dev/null) != *jdk.compiler* ]]; then
    packages+=(openjdk-17-jdk-headless openjdk-17-jre-headless)
  fi
  debian_unpack "$dir/apt" "$dir/root" "${packages[@]}" >&2
  rm -rf "$dir/apt"
  # Its settings are links to where it would have been installed.
  find "$dir/root/usr/lib" -path '*jvm*' -type l -lname '/etc/*' 2>/dev/null | while read -r link; do
    ln -sf "$dir/root$(readlink "$link")" "$link"
  done
  touch "$dir/done"
fi
libraries=$dir/root/usr/lib/$(uname -m)-linux-gnu
jars=$dir/root/usr/share/java
java=$(find "$dir/root/usr" -path '*/jvm/*/bin/java' | head -1)

export PSQL=$postgres/psql ODBC_DRIVER=$libraries/odbc/psqlodbcw.so JAVA=${java:-java}
export JDBC_CLASSPATH=$jars/postgresql.jar:$jars/scram-client.jar:$jars/scram-common.jar:$jars/stringprep.jar:$jars/saslprep.jar
# Behind the machine's own, so that no other program finds these first.
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$libraries
case $postgres in "${dir%/*}"/*) LD_LIBRARY_PATH+=:${postgres%/usr/lib/postgresql/*}/usr/lib/$(uname -m)-linux-gnu ;; esac
if [ "${1:-}" = reference ]; then
  shift
  exec "$python" tests/wire/postgres.py "$postgres" -- "$python" tests/wire/run.py "$@"
fi
case ${1:-} in
  wasmill | wasmill-tls)
    options=()
    [ "$1" = wasmill ] || options=(--tls)
    shift
    export WASMILL_COMPONENTS=${WASMILL_COMPONENTS:-${WASMILL_CACHE:-$HOME/.cache/wasmill}/components/quick}
    exec "$python" tests/wire/wasmill.py ${options[@]+"${options[@]}"} "$WASMILL_PROGRAM" -- "$python" tests/wire/run.py "$@"
    ;;
esac
exec "$python" tests/wire/run.py "$@"
