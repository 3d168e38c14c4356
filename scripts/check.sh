#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh STAGE...: makes check-STAGE for each, whatever became of the others, and prints the
# slowest programs and the totals. Fails if anything failed or was skipped, or if a stage tested
# nothing. That a stage took longer than scripts/budgets allows is only said.
#
# Stages in VMs run from one queue of programs (make check-machines), beside the others, with the
# modules that are there: who calls this has built them. Their seconds are those of their programs,
# whatever ran at the same time.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

logs=$ROOT/build/check
rm -rf "$logs"
mkdir -p "$logs"
machines=()
others=()
for stage in "$@"; do
	case $stage in
	vm|kvm|xen) machines+=("$stage") ;;
	*) others+=("$stage") ;;
	esac
done

run_make() {
	make -C "$ROOT" --no-print-directory "$@"
}

# What compiles has time until the VMs are through, and guests suffer if they have to wait.
run_nicely() {
	nice -n 10 make -C "$ROOT" --no-print-directory "$@"
}

# Leaves status, seconds, and seconds of a processor of each in $logs/STAGE.end.
run_others() {
	local stage status start user system TIMEFORMAT='%0U %0S'
	for stage in "${others[@]}"; do
		printf '\n=== %s\n' "$stage"
		start=$SECONDS
		status=0
		{
			time run_nicely "check-$stage" 2>&1 | tee "$logs/$stage.log" || status=$?
		} 2> "$logs/$stage.cpu"
		read -r user system < "$logs/$stage.cpu"
		echo "$status $((SECONDS - start)) $((user + system))" > "$logs/$stage.end"
		printf '=== %s took %d s\n' "$stage" $((SECONDS - start))
	done
}

# split_machines STATUS: makes a log for each stage in VMs out of the one that they have in common.
split_machines() {
	local stage seconds cpu
	awk -v dir="$logs" -v file="$logs/${machines[0]}.log" '
		/^=== / { file = dir "/" $2 ".log"; next }
		{ print > file }' "$logs/machines.log"
	for stage in "${machines[@]}"; do
		touch "$logs/$stage.log"
		read -r seconds cpu < <(programs "$stage" |
			awk '{ seconds += $1; cpu += $2 } END { print seconds + 0, cpu + 0 }')
		echo "0 $seconds $cpu" > "$logs/$stage.end"
	done
	# Where none of them says what failed, the last did.
	[ "$1" = 0 ] || grep -q '^\(# *\)\?not ok ' "$logs/machines.log" ||
		echo "$1 $seconds $cpu" > "$logs/$stage.end"
}

# programs STAGE: seconds, those of a processor, boots and name of each of its programs.
programs() {
	awk -f "$ROOT/scripts/times.awk" "$logs/$1.log"
}

# over_budget NAME SECONDS: says so, if it is.
over_budget() {
	local allowed
	allowed=$(awk -v name="$1" '$1 == name { print $2 }' "$ROOT/scripts/budgets")
	[ -z "$allowed" ] || [ "$2" -le "$allowed" ] ||
		echo "over its budget: $1, $2 s of $allowed s (scripts/budgets)"
}

# print_times STAGE...: the table of Documentation/testing.rst.
print_times() {
	local stage seconds cpu boots name
	local line='========  ==============================  =======  =======  ====='
	printf '%s\nStage     Program                         Seconds  CPU      Boots\n%s\n' "$line" "$line"
	for stage in "$@"; do
		read -r _ seconds cpu < "$logs/$stage.end"
		printf '%-8s  %-30s  %7d  %7d\n' "$stage" 'all of it' "$seconds" "$cpu"
		programs "$stage" | while read -r seconds cpu boots name; do
			printf '%-8s  %-30s  %7d  %7d  %5d\n' "$stage" "$name" "$seconds" "$cpu" "$boots"
		done
	done
	printf '%s\n' "$line"
}

# Runs all; results of the stages in VMs wait in a log for their turn, progress shows as it comes.
run_stages() {
	local pid status=0
	if [ ${#machines[@]} = 0 ]; then
		run_others
		return
	fi
	: > "$logs/machines.log"
	# A process group of its own, which ends as a whole with this script.
	set -m
	run_make check-machines VM_BUILD=no MACHINES="${machines[*]}" \
		> "$logs/machines.log" </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # the pid of now is meant
	trap "kill -- -$pid 2>/dev/null" EXIT
	run_others
	[ ${#machines[@]} -gt 1 ] || printf '\n=== %s\n' "${machines[0]}"
	tail -n +1 -f --pid="$pid" "$logs/machines.log" &
	wait "$pid" || status=$?
	wait
	trap - EXIT
	split_machines "$status"
}

# Names what failed or was skipped, at the end, where nobody has to look for it.
print_failures() {
	local stage
	for stage in "$@"; do
		awk -f "$ROOT/scripts/failures.awk" "$logs/$stage.log" | sed "s/^\([^ ]\)/$stage: \1/"
	done > "$logs/failures"
	[ ! -s "$logs/failures" ] || { printf '\n=== failed or skipped\n'; cat "$logs/failures"; }
}

# Adds up a stage. One that fails or is silent counts as a failure of its own.
add_stage() {
	local stage=$1 status seconds p f s
	read -r status seconds _ < "$logs/$stage.end"
	read -r p f s < <(awk -f "$ROOT/scripts/totals.awk" "$logs/$stage.log")
	[ "$status" = 0 ] || [ "$f" -gt 0 ] || f=1
	[ $((p + f + s)) -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	printf '%-10s %5d passed %5d failed %5d skipped %6d s\n' "$stage" "$p" "$f" "$s" "$seconds"
	over_budget "$stage" "$seconds" >> "$logs/over"
}

start=$SECONDS
run_stages
print_times "$@" > "$logs/times"
printf '\n=== the slowest of %s\n' "${logs#"$ROOT"/}/times"
for stage in "$@"; do
	programs "$stage" | sed "s/\$/ ($stage)/"
done | sort -rn | head -n 10 | while read -r seconds cpu boots name; do
	printf '%6d s %6d s of a processor %4d boots  %s\n' "$seconds" "$cpu" "$boots" "$name"
done

print_failures "$@"
printf '\n=== totals\n'
passed=0
failed=0
skipped=0
: > "$logs/over"
for stage in "$@"; do
	add_stage "$stage"
done
printf 'all of them in %d s\n' $((SECONDS - start))
[ ${#machines[@]} -lt 3 ] || over_budget total $((SECONDS - start)) >> "$logs/over"
cat "$logs/over"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ "$skipped" = 0 ]
