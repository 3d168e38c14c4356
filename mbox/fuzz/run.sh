#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the four fuzz targets, FUZZ_SECONDS each. Where there is no nightly toolchain, or
# cargo-fuzz cannot be had, runs the same functions on random input instead, and says so.

set -eu
cd "$(dirname "$0")/.."

: "${CARGO:=cargo}"
: "${FUZZ_SECONDS:=60}"
: "${BUILD:=$PWD/../build}"
export CARGO_TARGET_DIR="$BUILD/cargo"
TARGETS='decode pf_server snapshot vf_client'
CARGO_FUZZ_VERSION=0.13.2
# Random inputs that the slowest target takes in a second.
CASES_PER_SECOND=20000

# It takes a minute to build, so it is kept where other checkouts find it as well.
tools=${CACHE:+$CACHE/cargo-fuzz-$CARGO_FUZZ_VERSION}
tools=${tools:-$BUILD/mbox-tools}
PATH=$tools/bin:$PATH

have_nightly()
{
	cargo +nightly --version >/dev/null 2>&1
}

have_cargo_fuzz()
{
	cargo-fuzz --version >/dev/null 2>&1 && return
	echo "fuzz: installing cargo-fuzz $CARGO_FUZZ_VERSION into $tools"
	CARGO_TARGET_DIR=$BUILD/mbox-tools/target "$CARGO" install --quiet --locked \
		--root "$tools" --version "$CARGO_FUZZ_VERSION" cargo-fuzz &&
		rm -rf "$BUILD/mbox-tools/target"
}

# libFuzzer as libfuzzer-sys compiles it, which takes a minute of a processor as well.
libfuzzer=$tools/libfuzzer-$(awk '$3 == "\"libfuzzer-sys\"" { getline; gsub(/"/, ""); print $3 }' \
	../Cargo.lock)/libfuzzer.a

keep_libfuzzer()
{
	found=$(find "$BUILD/mbox-fuzz/target" -path '*/libfuzzer-sys-*/out/libfuzzer.a' | head -n 1)
	[ "$found" ] || return 0
	mkdir -p "${libfuzzer%/*}"
	# Several checkouts may do so at once.
	cp "$found" "$libfuzzer.$$" && mv "$libfuzzer.$$" "$libfuzzer"
}

fallback()
{
	echo "fuzz: $1: the same targets on random input instead," \
	     "without coverage to guide it"
	PROPTEST_CASES=$((FUZZ_SECONDS * CASES_PER_SECOND)) \
		"$CARGO" test --locked --release --quiet --test mailbox fuzz_inputs
}

if ! have_nightly; then
	fallback 'no nightly toolchain'
	exit
fi
if ! have_cargo_fuzz; then
	fallback 'cargo-fuzz cannot be installed'
	exit
fi

[ ! -e "$libfuzzer" ] || export CUSTOM_LIBFUZZER_PATH="$libfuzzer"
for target in $TARGETS; do
	corpus=$BUILD/mbox-fuzz/corpus/$target
	mkdir -p "$corpus" "$BUILD/mbox-fuzz/artifacts"
	echo "fuzz: $target, $FUZZ_SECONDS s"
	log=$BUILD/mbox-fuzz/$target.log
	# No sanitizer: the code has no unsafe. Overflows and assertions are checked.
	if ! cargo +nightly fuzz run --target-dir "$BUILD/mbox-fuzz/target" --sanitizer none \
		"$target" "$corpus" -- -max_total_time="$FUZZ_SECONDS" -max_len=4096 \
		-artifact_prefix="$BUILD/mbox-fuzz/artifacts/$target-" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		echo "fuzz: $target has failed, the log is $log" >&2
		exit 1
	fi
	grep -E '^Done [0-9]+ runs' "$log"
done
[ -e "$libfuzzer" ] || keep_libfuzzer
