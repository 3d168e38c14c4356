#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kbuild.sh TARGET...: runs kbuild on this checkout, or on the copy $SOURCE that copy-source
# made, against $KDIR (the stock kernel's by default), inside the Debian tree.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
KDIR=${KDIR:-$STOCK_KDIR}
export KDIR

# config NAME: the value of CONFIG_NAME in $KDIR, without its quotes.
config() {
	sed -n "s/^CONFIG_$1=\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\}\$/\\1/p" "$KDIR/include/config/auto.conf"
}

# One clear message for each way in which a KDIR cannot do.
check_kdir() {
	local release rustc
	check_path KDIR "$KDIR"
	[ -e "$KDIR/Makefile" ] || die "KDIR=$KDIR is no kernel build tree" \
		'Remedy: leave KDIR out to use the stock Debian kernel.'
	[ -e "$KDIR/include/config/auto.conf" ] || die "KDIR=$KDIR is not configured" \
		"Remedy: make -C $KDIR olddefconfig prepare"
	release=$(cat "$KDIR/include/config/kernel.release" 2>/dev/null) ||
		die "KDIR=$KDIR has no kernel.release" "Remedy: make -C $KDIR prepare"
	case $release in
	"$KERNEL_SERIES"|"$KERNEL_SERIES"[.+-]*) ;;
	*) die "KDIR=$KDIR is Linux $release, the drivers are for $KERNEL_SERIES" \
		"Remedy: use a $KERNEL_SERIES tree, or leave KDIR out." ;;
	esac
	[ "$(config RUST)" = y ] || die "the kernel of KDIR=$KDIR has no CONFIG_RUST" \
		'Remedy: enable RUST and build that kernel again, or leave KDIR out.'
	[ "$(config PCI_IOV)" = y ] || die "the kernel of KDIR=$KDIR has no CONFIG_PCI_IOV" \
		'Remedy: enable PCI_IOV and build that kernel again, or leave KDIR out.'
	[ -e "$KDIR/rust/libkernel.rmeta" ] ||
		die "KDIR=$KDIR holds no Rust metadata (rust/libkernel.rmeta)" \
		'Packaged kernel headers never do; a full build tree is needed.' \
		"Remedy: make -C $KDIR prepare in a full tree, or leave KDIR out."
	rustc=$("$ROOT/scripts/in-tree" rustc --version)
	[ "$(config RUSTC_VERSION_TEXT)" = "$rustc" ] ||
		die "KDIR=$KDIR was made with another Rust compiler" \
		"its metadata: $(config RUSTC_VERSION_TEXT); here: $rustc" \
		"Remedy: make that tree with this rustc (scripts/in-tree make -C $KDIR prepare)."
}

# The checks start a compiler, so their success is remembered for as long as the tree's
# configuration is the same.
check_kdir_once() {
	local stamp
	stamp=$ROOT/build/kdir-$(echo "$KDIR $TREE" | sha256sum | cut -c1-10)
	[ "$stamp" -nt "$KDIR/include/config/auto.conf" ] && [ -e "$KDIR/rust/libkernel.rmeta" ] &&
		return
	check_kdir
	touch "$stamp"
}

# The compiler that built the kernel also builds the C part of the modules.
compiler() {
	case $(config CC_VERSION_TEXT) in
	*clang*) echo LLVM=1 ;;
	*gcc-14*) echo CC=x86_64-linux-gnu-gcc-14 ;;
	*) echo CC=gcc-14 ;;
	esac
}

mkdir -p "$ROOT/build"
SOURCE=${SOURCE:-$ROOT}
hold_lock "$ROOT/build/kbuild-${SOURCE##*/}.lock" "builds in $SOURCE"
check_kdir_once
# An O= tree refers to its source.
BIND=${BIND:+$BIND:}$(realpath -m "$KDIR/source")
[ -d "${BIND##*:}" ] || BIND=${BIND%:*}
export BIND
# Without the vmlinux of a packaged kernel there is no BTF to make: no line about it.
"$ROOT/scripts/in-tree" make -C "$KDIR" M="$SOURCE" "$(compiler)" -j"$(jobs_wanted)" \
	CONFIG_DEBUG_INFO_BTF_MODULES= --no-print-directory ${CLIPPY:+CLIPPY=1} ${KRUSTFLAGS:+"KRUSTFLAGS=$KRUSTFLAGS"} "$@"
