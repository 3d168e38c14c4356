# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts share: where things are, how messages look, how a step is run.
# Sourced, never run. Everything that does not depend on the checkout is in $CACHE.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
SUITE=trixie
# shellcheck disable=SC2034 # used by those who source this
# The kernel series that the drivers are written for; its point release may be any.
KERNEL_SERIES=7.3

die() {
	printf 'rigb: %s\n' "$1" >&2
	shift
	local line
	for line in "$@"; do
		printf '      %s\n' "$line" >&2
	done
	exit 1
}

# kbuild splits words at blanks and colons, so no path may hold one.
check_path() {
	case $2 in
	*[[:space:]:]*)
		die "$1 is '$2': kbuild cannot work in a path with blanks or colons" \
		    "Remedy: use another directory." ;;
	esac
}

: "${CACHE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rigb}"
CACHE=$(realpath -m -- "$CACHE")
export CACHE
check_path CACHE "$CACHE"
check_path 'this checkout' "$ROOT"

# A tree is good for as long as the recipe that made it does not change.
tree_key() {
	cat "$ROOT"/scripts/packages/*.list "$ROOT/scripts/steps/tree-setup" |
		sha256sum | cut -c1-10
}

# The same of the packages of Python in it, of which the tree may hold several sets.
python_key() {
	sha256sum "$ROOT/scripts/packages/python.txt" | cut -c1-10
}

# And of what the VM boots from.
image_key() {
	cat "$ROOT/scripts/packages/python.txt" "$ROOT/scripts/steps/vm.sh" | sha256sum | cut -c1-10
}

TREE=$CACHE/$SUITE-$(tree_key)
# Written last by the tree step: KREL, SOURCE_VERSION.
TREE_INFO=$TREE/etc/rigb-tree

# Sets the names that depend on what is in the tree.
load_tree() {
	[ -e "$TREE_INFO" ] || return 1
	# shellcheck source=/dev/null
	. "$TREE_INFO"
	KSRC=$CACHE/linux-$SOURCE_VERSION
	STOCK_KDIR=$CACHE/kdir-$KREL-$SOURCE_VERSION
	PYTHON_ENV=/opt/python-$(python_key)
	VM_DIR=$CACHE/vm-${TREE##*/}-$KREL-$(image_key)
	export TREE KREL KSRC STOCK_KDIR PYTHON_ENV VM_DIR
}

jobs_wanted() {
	echo "${JOBS:-$(nproc)}"
}

# Takes the lock $1 for the rest of this process; says so when it has to wait.
hold_lock() {
	mkdir -p "$(dirname "$1")"
	exec {LOCK_FD}>"$1"
	flock -n "$LOCK_FD" && return
	echo "rigb: waiting for another process that $2" >&2
	flock "$LOCK_FD"
}

# run_logged LOG CMD...: runs CMD with its output in LOG, and shows that it lives.
run_logged() {
	local log=$1 start=$SECONDS shown=0 pid
	shift
	"$@" >"$log" 2>&1 {LOCK_FD}>&- </dev/null &
	pid=$!
	# shellcheck disable=SC2064 # the pid of now is meant
	trap "kill $pid 2>/dev/null; wait $pid; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		show_progress "$log" $((SECONDS - start))
		sleep 1
	done
	trap - INT TERM
	[ -t 2 ] && printf '\r\033[K' >&2
	wait "$pid" && return
	echo "rigb: this failed: $1" >&2
	tail -n 25 "$log" | sed 's/^/  | /' >&2
	echo "      The whole log: $log" >&2
	return 1
}

# On a terminal one line that changes, elsewhere a line every 20 seconds.
show_progress() {
	local last
	last=$(tail -c 400 "$1" | tr '\r' '\n' | grep -av '^$' | tail -n 1 | cut -c1-60) || true
	if [ -t 2 ]; then
		printf '\r\033[K      %3d s  %s' "$2" "$last" >&2
	elif [ $(($2 / 20)) -gt "$shown" ]; then
		shown=$(($2 / 20))
		printf '      %3d s  %s\n' "$2" "$last" >&2
	fi
}
