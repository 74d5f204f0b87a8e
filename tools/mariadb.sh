#!/usr/bin/env bash
# Finds the server of MariaDB, or unpacks it from Debian's packages, and prints its path. No root is needed.
set -euo pipefail
cd "$(dirname "$0")"
if command -v mariadbd; then exit 0; fi
for found in /usr/sbin/mariadbd; do [ ! -x "$found" ] || { echo "$found"; exit 0; }; done
dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/programs/mariadb
if [ ! -e "$dir/done" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    printf 'there is no MariaDB server, and it is fetched on Debian only\nhint: install MariaDB 10.11 or later\n' >&2
    exit 2
  fi
  printf 'fetching MariaDB …\n' >&2
  rm -rf "$dir"
  . ./debian.sh
  debian_lists "$dir/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")" >&2
  # And the libraries that the server is linked with, apart from those that every Debian has.
  needs=$(APT_CONFIG=$dir/apt/apt.conf apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances mariadb-server-core | grep -E '^(lib(aio|uring|pmem|ndctl|daxctl|kmod|snappy|numa|ssl|ncurses|tinfo|edit|bsd|md)[^:]*|mariadb-common|mysql-common)$' | sort -u)
  # shellcheck disable=SC2086 # one word for each package
  debian_unpack "$dir/apt" "$dir/root" mariadb-server-core mariadb-client-core $needs >&2
  rm -rf "$dir/apt"
  touch "$dir/done"
fi
echo "$dir/root/usr/sbin/mariadbd"
