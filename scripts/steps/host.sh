# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Step: what the machine itself must have. All else is in the tree.

HOST_TOOLS=(mmdebstrap:mmdebstrap unshare:util-linux flock:util-linux mount:mount
	chroot:coreutils gpgv:gpgv)
HOST_FILES=(/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring)

host_missing() {
	local pair
	for pair in "${HOST_TOOLS[@]}"; do
		command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done
	for pair in "${HOST_FILES[@]}"; do
		[ -e "${pair%%:*}" ] || echo "${pair#*:}"
	done
}

host_done() {
	[ -z "$(host_missing)" ]
}

host_make() {
	local packages
	mapfile -t packages < <(host_missing | sort -u)
	[ "$(id -u)" = 0 ] ||
		die "these packages are missing: ${packages[*]}" \
		    "Remedy: sudo apt-get install ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	run_logged "$CACHE/host.log" apt-get update
	run_logged "$CACHE/host.log" \
		apt-get install -y --no-install-recommends "${packages[@]}"
}
