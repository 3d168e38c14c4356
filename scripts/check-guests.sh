#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guests.sh kvm|xen: whether what `make kvm` or `make xen` was given makes sense, before
# anything is built or booted for it. If not, says what is wrong, and the status is 2.

# The card has seven VFs that QEMU can give away, and each guest has one.
MAX_GUESTS=7

bad() {
	printf 'rigb: %s\n' "$1" >&2
	[ $# -eq 1 ] || printf '      %s\n' "${@:2}" >&2
	exit 2
}

# one_of NAME VALUE CHOICE...: VALUE is one of the choices.
one_of() {
	local name=$1 value=$2 choice
	shift 2
	for choice in "$@"; do
		[ "$value" != "$choice" ] || return 0
	done
	bad "$name is '$value', and must be one of: $*"
}

case $1 in
kvm)
	if [ -z "$RIGB_HOST$RIGB_GUEST" ]; then
		bad "usage: make kvm HOST='...' GUEST='...' [GUESTS=1..$MAX_GUESTS]"
	fi
	one_of KVM_TOPOLOGY "${KVM_TOPOLOGY:-kvm-amd}" kvm-amd kvm-intel
	one_of RIGB_VFIO "${RIGB_VFIO:-vfio-pci}" vfio-pci rigb_vfio ;;
xen)
	if [ -z "$RIGB_HOST$RIGB_GUEST" ]; then
		bad "usage: make xen DOM0='...' DOMU='...' [TYPE=pv|hvm] [GUESTS=1..$MAX_GUESTS]"
	fi
	one_of TYPE "$RIGB_TYPE" pv hvm ;;
*)
	bad 'usage: check-guests.sh kvm|xen' ;;
esac

case ${RIGB_GUESTS:-1} in
[1-"$MAX_GUESTS"]) ;;
*) bad "GUESTS is '$RIGB_GUESTS', and must be a number from 1 to $MAX_GUESTS" ;;
esac
one_of RIGB_PF_DRIVER "${RIGB_PF_DRIVER:-rigb}" rigb igb
one_of RIGB_VF_DRIVER "${RIGB_VF_DRIVER:-rigbvf}" rigbvf igbvf none
case ${RIGB_LIMIT:-1800} in
0*|*[!0-9]*) bad "RIGB_LIMIT is '$RIGB_LIMIT', and must be a number of seconds" ;;
esac
