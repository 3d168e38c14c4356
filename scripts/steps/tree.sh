# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Step: the Debian tree. It has the stock kernel, every tool of the build and the userland
# of the test VM, and is made under another name until it is complete.

tree_done() {
	load_tree
}

tree_make() {
	local mirror list opts=()
	mirror=$("$ROOT/scripts/mirror.sh")
	list=$(cat "$ROOT"/scripts/packages/*.list | grep -v '^#' | paste -sd,)
	mapfile -t opts < <(apt_options)
	export RIGB_DEBS=$CACHE/debs INITRD=No

	rm -rf --one-file-system "$TREE.new"
	mkdir -p "$RIGB_DEBS/partial"
	# Its own mount namespace: the bind mount of the package store ends with it.
	run_logged "$CACHE/tree.log" unshare -m --propagation private \
		mmdebstrap --variant=minbase --format=directory "${opts[@]}" \
		--dpkgopt=force-confold --skip=essential/unlink,cleanup/apt/cache \
		--setup-hook="$ROOT/scripts/steps/tree-setup \"\$1\"" \
		--customize-hook='umount "$1/var/cache/apt/archives"' \
		--include="$list" "$SUITE" "$TREE.new" \
		"deb $mirror $SUITE main" \
		"deb $mirror $SUITE-updates main" \
		"deb $mirror $SUITE-backports main"
	tree_info "$TREE.new" > "$TREE.new/etc/rigb-tree"
	mv -T "$TREE.new" "$TREE"
	rm -rf --one-file-system "$RIGB_DEBS"
	load_tree
}

# This machine's way to the network holds for the tree as well.
apt_options() {
	apt-config dump 2>/dev/null |
		sed -n -E 's/^(Acquire::(http|https)(::[^ ]*)? "[^"]+");$/--aptopt=\1/p'
}

# The newest release wins where the archive holds more than one.
tree_info() {
	local release
	release=$(cd "$1/boot" && printf '%s\n' vmlinuz-"$KERNEL_SERIES".* |
		sed 's/^vmlinuz-//' | sort -V | tail -n 1)
	[ -e "$1/boot/vmlinuz-$release" ] ||
		die "the archive has no kernel of series $KERNEL_SERIES"
	echo "KREL=$release"
	printf 'SOURCE_VERSION='
	dpkg-query --admindir="$1/var/lib/dpkg" -W -f '${Version}\n' \
		"linux-source-$KERNEL_SERIES" | tr '~:' '--'
}
