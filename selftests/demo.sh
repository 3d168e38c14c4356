#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the project does, for a person to read: the PF driver, seven VFs from sysfs, each
# in a network namespace of its own, and traffic between all parties. Exits 0 only if all of
# it worked. Runs in the test VM (`make demo`), or on a machine with two ports on one wire.
#
#   DRIVERS   rigb (default), or c for the C drivers igb and igbvf
#   PF, PEER  PCI addresses of the two ports
#   RIGB_MODULES  the folder with pf_driver/rigb.ko and vf_driver/rigbvf.ko

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

DRIVERS=${DRIVERS:-rigb}
PF=${PF:-0000:01:00.0}
PEER=${PEER:-0000:02:00.0}
RIGB_MODULES=${RIGB_MODULES:-.}
VFS=7
# Seconds that one TCP measurement takes.
TCP_SECONDS=2
# Seconds to wait for a link or an answer before it counts as missing.
PATIENCE=60

case $DRIVERS in
rigb) pf_driver=rigb vf_driver=rigbvf ;;
c) pf_driver=igb vf_driver=igbvf ;;
*) echo "demo: DRIVERS=$DRIVERS is neither rigb nor c" >&2; exit 2 ;;
esac

failures=0

fail() {
	echo "   FAILED: $*"
	failures=$((failures + 1))
}

stop() {
	fail "$@"
	finish
}

finish() {
	echo
	if [ "$failures" = 0 ]; then
		echo 'Everything worked.'
		exit 0
	fi
	echo "$failures step(s) failed; the end of the kernel log:"
	dmesg | tail -n 20 | sed 's/^/   | /'
	exit 1
}

# The network interface of the PCI function $1.
netdev_of() {
	local path
	for path in "/sys/bus/pci/devices/$1/net"/*; do
		[ -e "$path" ] && basename "$path" && return
	done
	return 1
}

driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null || echo none
}

# Loads the module $1, our own from this tree, others from the system.
load() {
	local file dep
	case $1 in
	rigb) file=$RIGB_MODULES/pf_driver/rigb.ko ;;
	rigbvf) file=$RIGB_MODULES/vf_driver/rigbvf.ko ;;
	*) modprobe "$1"; return ;;
	esac
	for dep in $(modinfo -F depends "$file" | tr , ' '); do
		modprobe "$dep" || return
	done
	insmod "$file"
}

# in_ns NAME CMD...: in a namespace, or in the initial one, which is called "pf".
in_ns() {
	local name=$1
	shift
	if [ "$name" = pf ]; then
		"$@"
	else
		ip netns exec "$name" "$@"
	fi
}

# ip_in NAME ARG...: ip(8) for a namespace, without another process to enter it.
ip_in() {
	if [ "$1" = pf ]; then
		exec ip "${@:2}"
	else
		exec ip -n "$@"
	fi
}

has_carrier() {
	(ip_in "$1" -o link show dev "$2") | grep -q LOWER_UP
}

# Waits for the link of $2 in $1: for news from the kernel, and looks again each second,
# for the news may have come before anyone listened.
wait_carrier() {
	local end=$((SECONDS + PATIENCE)) monitor
	exec {monitor}< <(ip_in "$1" -o monitor link dev "$2")
	local pid=$!
	until has_carrier "$1" "$2"; do
		if [ $SECONDS -ge $end ]; then
			kill $pid
			return 1
		fi
		read -r -t 1 -u "$monitor" _
	done
	kill $pid
	exec {monitor}<&-
}

# place PCI NAME ADDRESS: moves the function's interface to namespace NAME and brings it up.
place() {
	local dev
	dev=$(netdev_of "$1") || return
	if [ "$2" != pf ]; then
		ip netns add "$2" && ip link set "$dev" netns "$2" || return
	fi
	in_ns "$2" ip addr add "$3/24" dev "$dev" && in_ns "$2" ip link set "$dev" up
}

describe_link() {
	if has_carrier "$1" "$2"; then
		echo "up, $(in_ns "$1" cat "/sys/class/net/$2/speed") Mbit/s"
	else
		echo 'NO LINK'
	fi
}

mac_of() {
	in_ns "$1" cat "/sys/class/net/$2/address"
}

address_of() {
	case $1 in
	pf) echo 10.82.76.1 ;;
	peer) echo 10.82.76.100 ;;
	vf*) echo "10.82.76.$((10 + ${1#vf}))" ;;
	esac
}

# The average of a few round trips from $1 to $2, in ms.
ping_ms() {
	in_ns "$1" ping -q -c 3 -i 0.2 -w "$PATIENCE" "$(address_of "$2")" |
		awk -F/ '/^(rtt|round-trip)/ { print $5; found = 1 } END { exit !found }'
}

# TCP throughput from $1 to $2, in Mbit/s.
tcp_mbits() {
	local server line result
	exec {server}< <(in_ns "$2" iperf3 -s -1 --forceflush 2>&1)
	while read -r -t "$PATIENCE" -u "$server" line; do
		case $line in *listening*) break ;; esac
	done
	result=$(in_ns "$1" timeout $((PATIENCE + TCP_SECONDS)) iperf3 -f m \
		-c "$(address_of "$2")" -t "$TCP_SECONDS" |
		awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }')
	exec {server}<&-
	[ -n "$result" ] && echo "$result"
}

traffic() {
	local ms mbits
	ms=$(ping_ms "$1" "$2") || { fail "no answer to a ping from $1 to $2"; return; }
	mbits=$(tcp_mbits "$1" "$2") || { fail "no TCP from $1 to $2"; return; }
	awk -v m="$mbits" 'BEGIN { exit !(m > 0) }' || fail "TCP from $1 to $2 moved nothing"
	printf '   %-5s -> %-5s  %8s ms  %8s Mbit/s\n' "$1" "$2" "$ms" "$mbits"
}

title() {
	printf '\n%s\n' "$*"
}

show_pf() {
	title "1. The PF driver: $pf_driver"
	# The peer on the wire is the C driver's, so that two implementations meet.
	echo "$pf_driver" > "/sys/bus/pci/devices/$PF/driver_override"
	echo igb > "/sys/bus/pci/devices/$PEER/driver_override"
	load "$pf_driver" || stop "loading $pf_driver"
	[ "$pf_driver" = igb ] || load igb || stop 'loading igb for the other port'
	[ "$(driver_of "$PF")" = "$pf_driver" ] || stop "$PF is not driven by $pf_driver"
	place "$PF" pf "$(address_of pf)" || stop 'the PF has no interface'
	place "$PEER" peer "$(address_of peer)" || stop 'the other port has no interface'
	pf_dev=$(netdev_of "$PF")
	wait_carrier pf "$pf_dev" || fail "the PF has no link after $PATIENCE s"
	printf '   %s  %-6s %s  %s\n' "$PF" "$pf_dev" "$(mac_of pf "$pf_dev")" \
		"$(describe_link pf "$pf_dev")"
}

show_vfs() {
	local number address dev
	title "2. $VFS VFs from sysfs, and the VF driver: $vf_driver"
	echo $VFS > "/sys/bus/pci/devices/$PF/sriov_numvfs" || stop 'writing sriov_numvfs'
	load "$vf_driver" || stop "loading $vf_driver"
	for ((number = 0; number < VFS; number++)); do
		address=$(basename "$(readlink "/sys/bus/pci/devices/$PF/virtfn$number")")
		dev=$(netdev_of "$address") || { fail "VF $number has no interface"; continue; }
		place "$address" "vf$number" "$(address_of "vf$number")" ||
			fail "VF $number cannot be brought up"
		wait_carrier "vf$number" "$dev" || fail "VF $number has no link after $PATIENCE s"
		printf '   VF %d  %s  %-6s %s  %s\n' "$number" "$address" "$dev" \
			"$(mac_of "vf$number" "$dev")" "$(describe_link "vf$number" "$dev")"
	done
}

show_traffic() {
	local number missing=0
	title '3. Traffic: round trip and TCP'
	for ((number = 0; number < VFS; number++)); do
		ping_ms pf "vf$number" >/dev/null || { fail "VF $number does not answer"; missing=1; }
	done
	[ "$missing" = 1 ] || echo "   All $VFS VFs answer the PF."
	traffic pf vf0
	traffic vf0 pf
	traffic vf1 vf2
	traffic vf3 peer
	traffic peer vf3
	traffic pf peer
}

echo "SR-IOV on Intel 82576, Linux $(uname -r), drivers $pf_driver and $vf_driver"
show_pf
show_vfs
show_traffic
finish
