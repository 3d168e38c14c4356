#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [--cache]: removes build products, with --cache also what is in $CACHE. Needs no
# tree: it must work where preparing has failed.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

# Products are what git ignores in the folders that are built; a checkout without git
# names them itself.
for dir in kapi control datapath pf_driver vf_driver vfio_driver mbox selftests; do
	[ -d "$dir" ] || continue
	find "$dir" \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o \
		-name '.*.cmd' -o -name '*.rmeta' -o -name '*.symvers' -o \
		-name '*bindings_generated.rs' -o -name '.*.d' -o -name 'modules.order' \) \
		-type f -delete
	find "$dir" \( -name target -o -name __pycache__ \) -type d -prune -exec rm -rf {} +
done
rm -f ./*.symvers ./modules.order ./.*.cmd ./.module-common.o rust-project.json
rm -rf --one-file-system build target

if [ "${1:-}" = --cache ]; then
	# The lock file stays, for another process may wait on it.
	hold_lock "$CACHE/lock" "uses $CACHE"
	find "$CACHE" -mindepth 1 -maxdepth 1 ! -name lock \
		-exec rm -rf --one-file-system {} +
fi
