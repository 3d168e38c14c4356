#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh STAGE...: makes check-STAGE for each, whatever became of the one before, and
# prints the totals. Fails if anything failed or was skipped, or if a stage tested nothing.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

logs=$ROOT/build/check
mkdir -p "$logs"
passed=0
failed=0
skipped=0
summary=()

for stage in "$@"; do
	printf '\n=== %s\n' "$stage"
	start=$SECONDS
	status=0
	make -C "$ROOT" --no-print-directory "check-$stage" 2>&1 |
		tee "$logs/$stage.log" || status=$?
	read -r p f s < <(awk -f "$ROOT/scripts/totals.awk" "$logs/$stage.log")
	# A stage that fails or is silent counts as a failure of its own.
	[ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
	[ $((p + f + s)) -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	summary+=("$(printf '%-10s %5d passed %5d failed %5d skipped %6d s' \
		"$stage" "$p" "$f" "$s" $((SECONDS - start)))")
done

printf '\n=== totals\n'
printf '%s\n' "${summary[@]}"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ "$skipped" = 0 ]
