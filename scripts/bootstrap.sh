#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Makes what the build needs, step by step; a step that is complete is not made again, an
# interrupted one is. Several checkouts and several processes may use one cache.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
for step in host tree python kdir vm; do
	# shellcheck source=/dev/null
	. "$ROOT/scripts/steps/$step.sh"
done

STEPS=(
	'host:tools on this machine (apt-get)'
	'tree:Debian tree with kernel, compilers and QEMU (mmdebstrap, 2 minutes)'
	'python:virtme-ng and other packages of Python (pip)'
	'source:kernel source'
	'kdir:kernel build tree with Rust metadata (75 seconds)'
	'image:disk image of the test VM'
)
# Of the two long steps at the end neither needs the other: this one begins beside the one before it.
BESIDE=image

all_done() {
	local step
	for step in "${STEPS[@]}"; do
		"${step%%:*}_done" || return 1
	done
}

if all_done; then
	exit 0
fi

# step_make NAME: makes a step, or waits for it if it has begun.
step_make() {
	if [ "$1" != "$BESIDE" ] || [ -z "${beside_pid:-}" ]; then
		"${1}_make"
		return
	fi
	wait "$beside_pid" && return
	cat "$CACHE/beside.log" >&2
	return 1
}

begin_beside() {
	"${BESIDE}_make" > "$CACHE/beside.log" 2>&1 {LOCK_FD}>&- </dev/null &
	beside_pid=$!
	# shellcheck disable=SC2064 # the pid of now is meant
	trap "kill $beside_pid 2>/dev/null || :" EXIT
}

hold_lock "$CACHE/lock" "prepares $CACHE"
echo "rigb: preparing $CACHE (once, about 5 minutes and 8 GB)" >&2
number=0
for step in "${STEPS[@]}"; do
	number=$((number + 1))
	name=${step%%:*}
	printf '[%d/%d] %s' "$number" "${#STEPS[@]}" "${step#*:}" >&2
	if "${name}_done"; then
		echo ': there' >&2
		continue
	fi
	echo >&2
	[ "$(id -u)" = 0 ] || [ "$name" = host ] ||
		die 'this step needs root (chroot, mount)' 'Remedy: run make as root once.'
	start=$SECONDS
	[ "$name" != kdir ] || "${BESIDE}_done" || begin_beside
	step_make "$name"
	"${name}_done" || die "the step '${step#*:}' did not complete" "Log: $CACHE"
	printf '      done in %d s\n' $((SECONDS - start)) >&2
done
echo "rigb: ready for Linux $KREL" >&2
