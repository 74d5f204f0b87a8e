#!/usr/bin/env bash
# Finds a program that tests or benchmarks call, or unpacks it from Debian's packages, and prints its path. No root is
# needed: tools/program.sh NAME PACKAGE…
set -euo pipefail
cd "$(dirname "$0")"
name=$1; shift
if command -v "$name"; then exit 0; fi
dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/programs/$name
if [ ! -e "$dir/done" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    printf 'there is no `%s`, and it is fetched on Debian only\nhint: install it\n' "$name" >&2
    exit 2
  fi
  printf 'fetching %s …\n' "$name" >&2
  rm -rf "$dir"
  . ./debian.sh
  debian_lists "$dir/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")" >&2
  debian_unpack "$dir/apt" "$dir/root" "$@" >&2
  rm -rf "$dir/apt"
  touch "$dir/done"
fi
find "$dir/root/usr" -maxdepth 2 -path "*bin/$name"
