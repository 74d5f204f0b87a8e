#!/usr/bin/env bash
# Finds or gets the OCI registry that tests push to, Debian's `docker-registry`, and prints its path. No root is needed.
set -euo pipefail
cd "$(dirname "$0")"
if command -v docker-registry; then exit 0; fi
dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/docker-registry
program=$dir/root/usr/bin/docker-registry
if [ ! -e "$dir/done" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    printf 'there is no `docker-registry`, and it is fetched on Debian only\nhint: install it\n' >&2
    exit 2
  fi
  printf 'fetching docker-registry …\n' >&2
  rm -rf "$dir"
  . ./debian.sh
  debian_lists "$dir/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")" >&2
  debian_unpack "$dir/apt" "$dir/root" docker-registry >&2
  rm -rf "$dir/apt"
  touch "$dir/done"
fi
echo "$program"
