# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What happens in a VM from its boot to its end: runs the command of the run, or a prompt, reports
# its status and the kernel's log, and switches the machine off. Sourced by the run's own script,
# which vm/runner.py writes with the environment of the command.

# Leaves what the host reads, and switches off without a shutdown: nothing is to be kept.
finish() {
	echo "$1" > "$VM_RUN/status"
	dmesg > "$VM_RUN/dmesg.log"
	echo 1 > /proc/sys/kernel/sysrq
	echo b > /proc/sysrq-trigger
	while :; do sleep 1; done
}

# Ends all that the command left running, but for process $1 and kernel threads.
end_leftovers() {
	local dir pid word
	for dir in /proc/[0-9]*; do
		pid=${dir#/proc/}
		case $pid in 1|"$$"|"$1") continue ;; esac
		# A kernel thread has no command line.
		IFS= read -r -d '' word < "$dir/cmdline" && [ "$word" ] && kill -KILL "$pid"
	done 2>/dev/null
}

# bring TAG FOLDER: a shared folder to its own path. Linux's own selftests write beside themselves,
# which does not reach the host.
bring() {
	mkdir -p "$2"
	if [ "$2" != "$KSRC" ]; then
		mount --bind "/run/share.$1" "$2"
		return
	fi
	mkdir -p "/run/layer.$1/upper" "/run/layer.$1/work"
	mount -t overlay -o \
		"lowerdir=/run/share.$1,upperdir=/run/layer.$1/upper,workdir=/run/layer.$1/work" \
		"$1" "$2"
}

# What is as on a system that was not booted by virtme-ng: folders at their own paths, the image's
# modules, the usual meaning of /dev/stdout, and no udev that changes what a test makes.
tidy_up() {
	local share
	[ -z "$VM_IMAGE_MODULES" ] || umount /lib/modules
	for share in "${VM_SHARES[@]}"; do
		bring "${share%%=*}" "${share#*=}"
	done
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
	udevadm control --exit
	mount -t bpf bpf /sys/fs/bpf
	mkdir -p /run/netns /run/lock
	ulimit -n 65536
}

[ ${#VM_SHARES[@]} = 0 ] || tidy_up
# A sign of life for the host's runner, in a machine whose emulation is known to freeze.
if [ "$VM_BEAT" ]; then
	(while :; do : > "$VM_RUN/beat"; sleep "$VM_BEAT"; done) </dev/null >/dev/null 2>&1 &
fi
cd "$VM_CWD" || finish 125
case $VM_MODE in
run)
	# A pipe, not virtme-ng's port itself: that can be opened but once, and programs open
	# /dev/stderr again.
	exec {out}> >(exec cat)
	cat_pid=$!
	bash "$VM_RUN/cmd" </dev/null >&"$out" 2>&1 {out}>&-
	status=$?
	exec {out}>&-
	end_leftovers "$cat_pid"
	wait "$cat_pid"
	finish "$status" ;;
shell)
	setsid -c -w bash -i
	finish $? ;;
esac
