#!/usr/bin/env bash
# Finds Chromium, or unpacks it from Debian's packages, with the libraries that the machine has not, and prints its path.
# No root is needed.
set -euo pipefail
cd "$(dirname "$0")"
if command -v chromium; then exit 0; fi
dir=${WASMILL_CACHE:-$HOME/.cache/wasmill}/programs/chromium
if [ ! -e "$dir/done" ]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    printf 'there is no `chromium`, and it is fetched on Debian only\nhint: install Chromium\n' >&2
    exit 2
  fi
  printf 'fetching Chromium …\n' >&2
  rm -rf "$dir"
  . ./debian.sh
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  debian_lists "$dir/apt" "$suite" "$suite-security" >&2
  # What apt would install, beside what is; and the font of the phones that the tests play.
  needs=$(APT_CONFIG=$dir/apt/apt.conf apt-get -s --no-install-recommends -o Dir::State::status=/var/lib/dpkg/status \
    install chromium fonts-roboto-unhinted | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vxE 'libc6|libc-bin|dpkg|base-files')
  # shellcheck disable=SC2086 # one word for each package
  debian_unpack "$dir/apt" "$dir/root" $needs >&2
  rm -rf "$dir/apt"
  cat >"$dir/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$dir/root/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>$dir/fonts</cachedir>
  <match target="pattern">
    <edit name="family" mode="append_last"><string>Roboto</string></edit>
  </match>
</fontconfig>
FONTS
  cat >"$dir/chromium" <<RUN
#!/bin/sh
export FONTCONFIG_FILE="$dir/fonts.conf"
export LD_LIBRARY_PATH="$dir/root/usr/lib/$(uname -m)-linux-gnu:$dir/root/usr/lib/$(uname -m)-linux-gnu/pulseaudio\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "$dir/root/usr/lib/chromium/chromium" "\$@"
RUN
  chmod +x "$dir/chromium"
  touch "$dir/done"
fi
echo "$dir/chromium"
