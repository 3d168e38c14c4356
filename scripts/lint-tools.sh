#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs what judges Python, spelling and Documentation/ (packages/lint.txt) into the cache, once,
# and prints the folder of its commands, which run in the Debian tree.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'

packages=$ROOT/scripts/packages/lint.txt
folder=$CACHE/lint-$(sha256sum "$packages" | cut -c1-10)

if [ ! -e "$folder/complete" ]; then
	hold_lock "$CACHE/lint.lock" 'installs the tools of lint'
fi
if [ ! -e "$folder/complete" ]; then
	echo 'rigb: installing the tools of lint (once, 10 seconds)' >&2
	rm -rf --one-file-system "$folder"
	run_logged "$CACHE/lint.log" "$ROOT/scripts/in-tree" bash -c "
		/usr/bin/python3 -m venv '$folder' &&
		'$folder/bin/pip' install --no-cache-dir --disable-pip-version-check \
			--only-binary :all: --require-hashes -r '$packages'"
	touch "$folder/complete"
fi
echo "$folder/bin"
