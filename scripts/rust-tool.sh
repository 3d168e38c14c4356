#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rust-tool.sh clippy|doc MODULE...: runs a relative of rustc on modules that kbuild has
# built in place (`pf_driver/rigb_main`), with the very flags that it gave to rustc. A warning is an
# error. What has not changed since it passed is not looked at again.
#
# kbuild has a switch for clippy, but that compiles all once more, and nothing for rustdoc of modules.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
cd "$ROOT"
tool=$1
shift

# What differs between the tools, as words of a shell.
case $tool in
clippy) command=clippy-driver options='--emit=metadata --out-dir=build/clippy' ;;
doc) command=rustdoc options='-Arustdoc::private_intra_doc_links'
	options+=' --document-private-items -o build/doc/modules' ;;
*) die "rust-tool.sh: no such tool: $tool" ;;
esac

# unchanged STAMP FILE...: whether STAMP is newer than these, and than all sources of modules.
unchanged() {
	local stamp=$1 file
	shift
	for file in "$@"; do
		[ "$stamp" -nt "$file" ] || return 1
	done
	[ -z "$(find kapi control datapath mbox ./*_driver -name '*.rs' -newer "$stamp" -print -quit)" ]
}

mkdir -p build/clippy build/doc

status=0
for module in "$@"; do
	kbuild=${module%/*}/.${module##*/}.o.cmd
	passed=build/$tool-${module##*/}.passed
	[ -e "$kbuild" ] || die "$module is not built" 'Remedy: make'
	unchanged "$passed" "$module.o" scripts/rust-tool.sh && continue
	line=$(sed -n '1s/^savedcmd_[^ ]* := //p' "$kbuild" |
		sed -e "s| rustc | $command |" -e 's| --out-dir [^ ]*||' -e 's| --emit=[^ ]*||g')
	touch "$passed.new"
	# The kernel's compiler is a stable one that is told to be none.
	if KDIR=${KDIR:-$STOCK_KDIR} scripts/in-tree env RUSTC_BOOTSTRAP=1 CLIPPY_CONF_DIR="$KSRC" \
		sh -c "$line -Dwarnings $options"; then
		mv "$passed.new" "$passed"
	else
		status=1
	fi
done
exit $status
