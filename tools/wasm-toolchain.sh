#!/usr/bin/env bash
# Finds or makes a Rust compiler that can build for wasm32-wasip2, and prints its path.
#
#   tools/wasm-toolchain.sh            take what is installed, else build one from Debian's packages
#   WASM_TOOLCHAIN=rustup …            let rustup install the target (fetches from Rust's own server)
#   WASM_TOOLCHAIN=debian …            do not look for an installed target
#
# The Debian way needs no root. apt verifies every package against Debian's signed index; the standard
# library is then compiled once from Debian's own copy of its source (about a minute).
set -euo pipefail

target=wasm32-wasip2
cache=${WASMILL_CACHE:-$HOME/.cache/wasmill}
dir=$cache/toolchain
choice=${WASM_TOOLCHAIN:-auto}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\nhint: %s\n' "$1" "$2" >&2; exit 2; }

has_target() { ls "$("$1" --print target-libdir --target "$target" 2>/dev/null)"/libstd-*.rlib >/dev/null 2>&1; }

case $choice in
  auto)
    if command -v rustc >/dev/null && has_target rustc; then command -v rustc; exit 0; fi ;;
  rustup)
    command -v rustup >/dev/null || die "WASM_TOOLCHAIN=rustup, but there is no rustup" "install rustup, or unset WASM_TOOLCHAIN"
    rustup target add "$target" >&2
    command -v rustc; exit 0 ;;
  debian) ;;
  *) die "WASM_TOOLCHAIN=$choice is not one of auto, rustup, debian" "unset WASM_TOOLCHAIN" ;;
esac

# One at a time: two that make a toolchain would take each other's apart.
mkdir -p "$cache"
exec 9>"$cache/toolchain.lock"
if command -v flock >/dev/null; then flock 9; fi

# A toolchain made earlier is taken only if it was finished.
wrapper=$dir/rustc
if [ -e "$dir/done" ]; then echo "$wrapper"; exit 0; fi

. /etc/os-release 2>/dev/null || true
if [ "${ID:-}/${VERSION_CODENAME:-}/$(uname -m)" != "debian/bookworm/x86_64" ]; then
  die "rustc has no $target target, and its packages are known here for Debian 12 on x86_64 only" \
      "run \`rustup target add $target\`, or WASM_TOOLCHAIN=rustup make setup"
fi
for tool in apt-get dpkg cargo; do
  command -v $tool >/dev/null || die "\`$tool\` is missing" "install it and run \`make setup\` again"
done

say "making a $target toolchain from Debian's packages in $dir (once, about two minutes, no root)"
# What another build of the standard library compiled does not fit this one, and cargo cannot tell.
rm -rf "$dir" "$cache/guests"; mkdir -p "$dir"
log=$dir/setup.log; : >"$log"
trap 'code=$?; [ $code = 0 ] || { tail -n 20 "$log" >&2; say "failed (exit $code); the whole log is $log"; }' EXIT

# bookworm's security suite has the newest rustc, trixie the first wasi-libc with wasip2.
say "1/4 package lists"
. "$(dirname "$0")/debian.sh"
debian_lists "$dir/apt" bookworm-security bookworm trixie >>"$log" 2>&1
printf 'Package: *\nPin: release n=trixie\nPin-Priority: 1\n' >"$dir/apt/preferences"
depends() { APT_CONFIG=$dir/apt/apt.conf apt-cache depends "$@"; }
library=$(depends libstd-rust-web-dev | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p')
llvm=$(depends "$library" rust-web-llvm | sed -n 's/.*\(llvm\|lld\)-*\([0-9]*\)$/\2/p' | sort -V | tail -n 1)
[ -n "$library" ] && [ -n "$llvm" ] || die "the package lists name no rustc-web" "see $log"

say "2/4 ${library/libstd-rust-web-/rustc }, LLVM $llvm, the library's source and wasi-libc (about 200 MB)"
debian_unpack "$dir/apt" "$dir/root" rustc-web "$library" libstd-rust-web-dev rust-web-src \
  rust-web-llvm "libllvm$llvm" "lld-$llvm" wasi-libc/trixie >>"$log" 2>&1
rm -rf "$dir/apt"

cat >"$wrapper" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH="$here/root/usr/lib/x86_64-linux-gnu:$(echo "$here"/root/usr/lib/llvm-*/lib)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
PATH="$here/root/usr/bin:$PATH"
export LD_LIBRARY_PATH PATH
exec "$here/root/usr/bin/rustc" "$@"
WRAPPER
chmod +x "$wrapper"

say "3/4 the standard library for $target (compiling, about half a minute)"
rustlib=$dir/root/usr/lib/rustlib
mkdir -p "$rustlib/$target/lib/self-contained"
cp "$dir/root/usr/lib/$target"/{crt1-command.o,crt1-reactor.o,libc.a} "$rustlib/$target/lib/self-contained/"
mkdir -p "$dir/std/src"; : >"$dir/std/src/lib.rs"
printf '[package]\nname = "std-for-wasm"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$dir/std/Cargo.toml"
# Bitcode in the rlibs is what link-time optimisation of the functions needs.
( cd "$dir/std" && env -u RUSTC_WRAPPER RUSTC="$wrapper" RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes \
    CARGO_TARGET_DIR="$dir/std/target" cargo build -q -Zbuild-std=std,panic_abort --target "$target" --release >>"$log" 2>&1 )
cp "$dir/std/target/$target"/release/deps/*.rlib "$rustlib/$target/lib/"

say "4/4 trying it"
rm -rf "$dir/std" "$dir"/root/usr/src/*/{compiler,src,vendor} "$dir/root/usr/share"
printf 'fn main() { println!("{}", std::env::args().count()); }\n' >"$dir/try.rs"
"$wrapper" --edition 2021 --target "$target" -O -o "$dir/try.wasm" "$dir/try.rs" >>"$log" 2>&1
rm -f "$dir/try.rs" "$dir/try.wasm"
touch "$dir/done"
say "the toolchain is ready ($(du -sh "$dir" | cut -f1))"
echo "$wrapper"
