# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What commands in guests have in common; the host's own ends of a test use it as well.
# Sourced, never run. Waits are bounded by $LIMIT seconds.

LIMIT=${LIMIT:-120}

# nap: a tenth of a second, without a process for it. Nobody writes to that pipe.
nap() {
	[ "$nap_fd" ] || exec {nap_fd}<> <(:)
	read -r -t 0.1 -u "$nap_fd" _ || :
}

# until_true CMD...: tries CMD until it succeeds; fails, and says so, at the limit.
until_true() {
	local end=$((SECONDS + LIMIT))
	until "$@"; do
		if [ $SECONDS -ge $end ]; then
			echo "within $LIMIT s never true: $*" >&2
			return 1
		fi
		nap
	done
}

# The PCI addresses of the VFs of an 82576 here. Without a process for each device: in a guest of
# an emulated machine every one is felt.
vf_functions() {
	local path vendor device
	for path in /sys/bus/pci/devices/*; do
		vendor='' device=''
		{ read -r vendor < "$path/vendor" && read -r device < "$path/device"; } 2>/dev/null
		case $vendor:$device in
		0x8086:0x10ca|0x8086:0x152d) echo "${path##*/}" ;;
		esac
	done
}

# The interface of the first VF.
vf_netdev() {
	local function path
	for function in $(vf_functions); do
		for path in "/sys/bus/pci/devices/$function/net"/*; do
			[ -e "$path" ] && echo "${path##*/}" && return
		done
	done
	return 1
}

no_vf_netdev() {
	! vf_netdev >/dev/null
}

# The interface that the VF is a port of: a failover pair's, a bond.
vf_master() {
	local dev
	dev=$(vf_netdev) && [ -e "/sys/class/net/$dev/master" ] &&
		basename "$(readlink "/sys/class/net/$dev/master")"
}

# vf_load DRIVER: rigbvf is the file that the host has built, by plain insmod.
vf_load() {
	[ -e "/sys/module/$1" ] && return
	case $1 in
	rigbvf) insmod /run/vm/rigbvf.ko ;;
	*) modprobe "$1" ;;
	esac
}

# has_carrier DEV [0|1]: whether it has one, or none.
has_carrier() {
	local carrier=
	# A read fails while the interface is down.
	{ read -r carrier < "/sys/class/net/$1/carrier"; } 2>/dev/null
	[ "$carrier" = "${2:-1}" ]
}

# How often the vector of the VF's mailbox, its third, has interrupted the guest's only processor.
mailbox_interrupts() {
	local path lines line name count vectors=()
	for path in "/sys/bus/pci/devices/$(vf_functions)/msi_irqs"/*; do
		vectors[${path##*/}]=yes
	done
	# In the order of their numbers.
	vectors=("${!vectors[@]}")
	mapfile -t lines </proc/interrupts
	for line in "${lines[@]}"; do
		read -r name count _ <<< "$line"
		[ "$name" != "${vectors[2]}:" ] || echo "$count"
	done
}

# more_mailbox_interrupts COUNT: whether there have been more.
more_mailbox_interrupts() {
	[ "$(mailbox_interrupts)" -gt "$1" ]
}

# vf_again DEV: C igbvf waits for its PF for a second. If it has had no handshake, it begins again when
# its interface does; says so (rigbtest/igbvf.py).
vf_again() {
	dmesg | grep -q 'igbvf.*PF still' || return
	echo "igbvf has given its PF up: $1 goes down and up"
	ip link set "$1" down && ip link set "$1" up
}

# vf_helped DEV: waits for its link, and helps C igbvf as often as three times: each help is a handshake
# in which a busy PF may be late again.
vf_helped() {
	local tries
	for tries in 1 2 3; do
		LIMIT=20 until_true has_carrier "$1" && return
		vf_again "$1" || return
		echo "help number $tries"
	done
}

# vf_changes: how often the carrier of the VF has come and gone.
vf_changes() {
	cat "/sys/class/net/$(vf_netdev)/carrier_changes"
}

# vlan_add DEV NAME ID: a VLAN. C igbvf refuses it while it takes its PF for gone, which ends when its
# interface goes down and up; says so.
vlan_add() {
	local tries
	for tries in 1 2 3; do
		ip link add link "$1" name "$2" type vlan id "$3" && return
		[ -e /sys/module/igbvf ] || return
		echo "igbvf has given its PF up: $1 goes down and up, for a VLAN, $tries"
		ip link set "$1" down && ip link set "$1" up && vf_helped "$1"
	done
	return 1
}

# vf_up V4 V6: the VF's interface with these addresses, as soon as it is there, and its link.
vf_up() {
	local dev
	until_true vf_netdev >/dev/null || {
		echo "VFs here: $(vf_functions | paste -s)" >&2
		return 1
	}
	dev=$(vf_netdev)
	# The emulated card hands multicast back to its sender, which looks like a duplicate.
	echo 0 > "/proc/sys/net/ipv6/conf/$dev/accept_dad"
	# vf_again closes the interface, which is the end of IPv6 addresses, and of no others.
	echo 1 > "/proc/sys/net/ipv6/conf/$dev/keep_addr_on_down"
	ip -batch - <<-END || return
		addr replace $1/24 dev $dev
		link set $dev up
		addr replace $2/64 dev $dev nodad
	END
	[ ! -e /sys/module/igbvf ] || vf_helped "$dev"
	until_true has_carrier "$dev" || return
	echo "$dev"
}

# reach ADDRESS: the first answer, then three at once without loss. After the last of -c alone
# ping(8) waits for twice the longest time of an answer, whatever -W says, and a busy machine takes
# longer. With -w it waits for three answers, and by -i a fourth request is never sent.
reach() {
	local said
	# A process of ping(8) that goes on hears late answers as well. It ends where there is no way yet.
	until_true ping -q -c 1 -i 0.5 -w 10 "$1" >/dev/null || return
	said=$(ping -q -l 3 -c 3 -i "$LIMIT" -w "$LIMIT" "$1")
	echo "$said"
	[[ $said == *"3 packets transmitted, 3 received,"* ]]
}

# silent ADDRESS: no answer may come.
silent() {
	! ping -q -c 1 -i 0.2 -w 2 "$1"
}

# tcp_sink PORT: what one connection carried, as a checksum. tcp_source ADDRESS PORT BYTES
# sends that much of random data, and prints its checksum. To make the data takes time as well.
tcp_sink() {
	timeout $((4 * LIMIT)) nc -l -N "$1" | sha256sum
}

tcp_source() {
	local data
	data=$(mktemp)
	head -c "$3" /dev/urandom > "$data"
	sha256sum < "$data"
	# Refused until the other side listens.
	until_true nc -N -w "$LIMIT" "$1" "$2" < "$data" 2>/dev/null
}
