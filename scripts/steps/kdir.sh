# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Steps: the kernel's source, and a kernel build tree for the stock kernel (KDIR) with the
# Rust metadata that Debian's header packages lack. The very rustc, bindgen, gcc and
# configuration that Debian used make the metadata again; no kernel is built.

source_done() {
	[ -e "$KSRC/Makefile" ]
}

source_make() {
	rm -rf --one-file-system "$KSRC.new"
	mkdir -p "$KSRC.new"
	run_logged "$CACHE/source.log" "$ROOT/scripts/in-tree" \
		tar -C "$KSRC.new" --strip-components=1 --checkpoint=20000 \
		-xf "/usr/src/linux-source-$KERNEL_SERIES.tar.xz"
	mv -T "$KSRC.new" "$KSRC"
}

kdir_done() {
	# The tree holds absolute paths, so a cache that was moved needs a new one.
	[ -e "$STOCK_KDIR/.rigb-complete" ] &&
		[ "$(cat "$STOCK_KDIR/.rigb-complete")" = "$STOCK_KDIR" ]
}

# kbuild is interruptible and goes on where it was, so there is no temporary name: the
# stamp, written last, says that the tree is complete.
kdir_make() {
	local headers=$TREE/usr/src/linux-headers-$KREL
	mkdir -p "$STOCK_KDIR"
	rm -f "$STOCK_KDIR/.rigb-complete"
	cp "$headers/.config" "$STOCK_KDIR/.config"
	run_logged "$CACHE/kdir.log" "$ROOT/scripts/in-tree" \
		make -C "$KSRC" O="$STOCK_KDIR" CC=x86_64-linux-gnu-gcc-14 \
		-j"$(jobs_wanted)" olddefconfig prepare
	kdir_from_headers "$headers"
	kdir_check_symbols
	echo "$STOCK_KDIR" > "$STOCK_KDIR/.rigb-complete"
}

# What modules need besides: the shipped symbol table, the linker script, and the full
# release, without which their version magic would differ.
kdir_from_headers() {
	cp "$1/Module.symvers" "$STOCK_KDIR/Module.symvers"
	cp "$1/arch/x86/module.lds" "$STOCK_KDIR/arch/x86/module.lds"
	mkdir -p "$STOCK_KDIR/scripts"
	cp "$1/arch/x86/module.lds" "$STOCK_KDIR/scripts/module.lds"
	echo "$KREL" > "$STOCK_KDIR/include/config/kernel.release"
	printf '#define UTS_RELEASE "%s"\n' "$KREL" \
		> "$STOCK_KDIR/include/generated/utsrelease.h"
}

# Rust mangles a hash of compiler, flags and sources into each symbol. Only if it is
# equal do the modules link with the kernel that runs.
kdir_check_symbols() {
	local ours theirs
	theirs=$(sed -n 's/.*\(Cs[0-9A-Za-z]*_6kernel\).*/\1/p' "$STOCK_KDIR/Module.symvers" |
		sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
	ours=$("$ROOT/scripts/in-tree" nm "$STOCK_KDIR/rust/kernel.o" |
		sed -n 's/.*\(Cs[0-9A-Za-z]*_6kernel\).*/\1/p' |
		sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
	[ -n "$theirs" ] || die "Module.symvers of $KREL names no symbol of the kernel crate" \
		"This kernel has no Rust support that modules could use."
	[ "$ours" = "$theirs" ] || die \
		"the Rust metadata does not match the kernel $KREL" \
		"The kernel's symbols carry $theirs, ours $ours: modules would not load." \
		"Most likely the archive holds linux-source and linux-image of different versions," \
		"or rustc was updated since the kernel was built." \
		"Remedy: remove $CACHE and try again; if it stays so, wait for the next kernel upload."
}
