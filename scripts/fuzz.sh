#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The fuzz targets of mbox/. They want a nightly toolchain, which only this machine can
# have; without one the tree's cargo gives the same functions random input.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
export FUZZ_SECONDS=${FUZZ_SECONDS:-60}
if cargo +nightly --version >/dev/null 2>&1; then
	make -C "$ROOT/mbox" fuzz
else
	"$ROOT/scripts/in-tree" env FUZZ_SECONDS="$FUZZ_SECONDS" make -C "$ROOT/mbox" fuzz
fi
