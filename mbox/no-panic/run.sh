#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fails if the machine code of the protocol, built as for the kernel, calls anything of the core
# library but its formatting: a word that one side writes must not be able to stop the other
# side's kernel. The lints forbid what panics in the source; this sees what they cannot.

set -eu
cd "$(dirname "$0")/.."

: "${CARGO:=cargo}"
: "${CARGO_TARGET_DIR:=$PWD/../build/cargo}"
out=$CARGO_TARGET_DIR/no-panic

mkdir -p "$out"
for package in mbox mbox-no-panic; do
	asm=$out/$package.s
	"$CARGO" rustc --locked --quiet --release --lib --package "$package" -- --emit "asm=$asm"
	if ! grep -q '^_.*mbox.*:' "$asm"; then
		echo "no-panic: $asm holds no code of the protocol" >&2
		exit 1
	fi
	# All ways to panic are functions of core: core::panicking, core::slice::index, and so on.
	if grep -nE '(call|jmp|bl|b)[a-z]*[[:space:]].*4core' "$asm" | grep -v 4core3fmt; then
		echo "no-panic: the protocol can panic, see the calls above in $asm" >&2
		exit 1
	fi
done
