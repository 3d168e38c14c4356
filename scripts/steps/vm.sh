# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Step: what the VM boots from. The tree as a read-only disk image (far quicker under
# emulation than a shared folder), and the kernel and Xen without their compression.

image_done() {
	[ -e "$VM_DIR/complete" ]
}

image_make() {
	local size
	rm -rf "$VM_DIR"
	mkdir -p "$VM_DIR"
	size=$(du -s --one-file-system --block-size=1M "$TREE" | cut -f1)
	# Inside the tree, /proc and others are mounted on it; a plain bind shows it without them.
	run_logged "$CACHE/image.log" "$ROOT/scripts/in-tree" bash -c "
		mkdir /tmp/tree && mount --bind '$TREE' /tmp/tree &&
		mke2fs -q -F -t ext4 -m 0 -N 300000 -O ^has_journal,^metadata_csum -L rigb-root \
			-d /tmp/tree '$VM_DIR/root.img' $((size * 5 / 4 + 256))M"
	run_logged "$CACHE/image.log" "$ROOT/scripts/in-tree" \
		bash -c "'$KSRC/scripts/extract-vmlinux' '/boot/vmlinuz-$KREL' > '$VM_DIR/vmlinux'"
	gzip -dc "$TREE"/boot/xen-[0-9]*.gz > "$VM_DIR/xen"
	touch "$VM_DIR/complete"
}
