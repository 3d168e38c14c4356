# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Step: what the VM boots from. The tree as a read-only disk image (far quicker under
# emulation than a shared folder), and the kernel, its first modules and Xen without their
# compression.

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
		$(declare -f lighten) && lighten /tmp/tree &&
		mke2fs -q -F -t ext4 -m 0 -N 300000 -O ^has_journal,^metadata_csum -L rigb-root \
			-d /tmp/tree '$VM_DIR/root.img' $((size * 5 / 4 + 256))M"
	run_logged "$CACHE/image.log" "$ROOT/scripts/in-tree" \
		bash -c "'$KSRC/scripts/extract-vmlinux' '/boot/vmlinuz-$KREL' > '$VM_DIR/vmlinux'"
	run_logged "$CACHE/image.log" "$ROOT/scripts/in-tree" bash -c "$(declare -f boot_modules)
		boot_modules '$VM_DIR/lib/modules/$KREL' && depmod -b '$VM_DIR' '$KREL'"
	gzip -dc "$TREE"/boot/xen-[0-9]*.gz > "$VM_DIR/xen"
	touch "$VM_DIR/complete"
}

# What virtme-ng does at boot, and no test needs, costs two seconds under emulation: files that a
# system of long life has, and modules for the machine's own devices.
lighten() {
	mount -t tmpfs tmpfs "$1/usr/lib/tmpfiles.d" &&
		mount -t tmpfs tmpfs "$1/etc/udev/rules.d" &&
		ln -s /dev/null "$1/etc/udev/rules.d/80-drivers.rules"
}

# What virtme-ng puts into its initramfs, from lib/modules beside the kernel. Without compression,
# for an emulated processor needs seconds for xz.
boot_modules() {
	local release=${1##*/} name module
	mkdir -p "$1"
	for name in virtio_blk ext4 overlay 9pnet_virtio 9p; do
		modprobe -S "$release" --show-depends "$name"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r module; do
		xz -dc "$module" > "$1/$(basename "${module%.xz}")"
	done
	cp "/usr/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$1"
}
