#!/usr/bin/env bash
# Finds the programs of a PostgreSQL server, or unpacks them from Debian's packages, and prints their folder. No root is
# needed.
set -euo pipefail
cd "$(dirname "$0")"
installed() { ls -d "$1"/usr/lib/postgresql/*/bin 2>/dev/null | sort -V | while read -r bin; do [ ! -x "$bin/postgres" ] || echo "$bin"; done | tail -1; }
found=$(installed "")
if [ -z "$found" ]; then
  dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/programs/postgres
  if [ ! -e "$dir/done" ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
      printf 'there is no PostgreSQL server, and it is fetched on Debian only\nhint: install PostgreSQL 15 or later\n' >&2
      exit 2
    fi
    printf 'fetching PostgreSQL …\n' >&2
    rm -rf "$dir"
    . ./debian.sh
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    debian_lists "$dir/apt" "$suite" >&2
    version=$(APT_CONFIG=$dir/apt/apt.conf apt-cache depends postgresql | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p')
    # And the libraries that the server is linked with, apart from those that every Debian has.
    needs=$(APT_CONFIG=$dir/apt/apt.conf apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
      --no-replaces --no-enhances "$version" | grep -E '^(lib(icu|xml2|ldap|sasl2|gssapi|krb5|k5crypto|keyutils|com-err|pq|gnutls|p11|nettle|hogweed|gmp|tasn1|idn2|unistring|ffi)[^:]*|postgresql-client-[0-9]*)$' | sort -u)
    # shellcheck disable=SC2086 # one word for each package
    debian_unpack "$dir/apt" "$dir/root" "$version" $needs >&2
    rm -rf "$dir/apt"
    touch "$dir/done"
  fi
  found=$(installed "$dir/root")
fi
echo "$found"
