#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds the debug kernel once (8 minutes on 2 processors) and prints its folder in the
# cache: the build tree is the folder's build/, which serves as KDIR, and modules/ is what
# `make modules_install` made.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'

config=$ROOT/selftests/vm/debug.config
key=$(sed '/^#/d;/^$/d' "$config" | sha256sum | cut -c1-10)
folder=$CACHE/debug-$SOURCE_VERSION-$key
build=$folder/build

in_build() {
	nice -n 19 "$ROOT/scripts/in-tree" make -C "$KSRC" O="$build" LLVM=1 \
		KCONFIG_ALLCONFIG="$folder/fragment" -j"$(jobs_wanted)" "$@"
}

# An option may be refused because of another one; that must not pass unnoticed.
check_config() {
	local line missing=()
	while IFS= read -r line; do
		case $line in
		*=n) ! grep -q "^${line%=n}=" "$build/.config" || missing+=("$line") ;;
		*) grep -qxF "$line" "$build/.config" || missing+=("$line") ;;
		esac
	done < <(grep '^CONFIG_' "$config")
	[ ${#missing[@]} = 0 ] ||
		die 'the debug kernel cannot have these options:' "${missing[@]}" \
		    'Remedy: see selftests/vm/debug.config'
}

if [ "$(cat "$folder/complete" 2>/dev/null)" != "$folder" ]; then
	hold_lock "$CACHE/debug.lock" 'builds the debug kernel'
fi
if [ "$(cat "$folder/complete" 2>/dev/null)" != "$folder" ]; then
	echo 'rigb: building the debug kernel (once, 8 minutes on 2 processors)' >&2
	mkdir -p "$build"
	cp "$config" "$folder/fragment"
	run_logged "$folder/config.log" in_build allnoconfig
	check_config
	run_logged "$folder/build.log" in_build vmlinux modules
	rm -rf "$folder/modules"
	run_logged "$folder/install.log" in_build INSTALL_MOD_PATH="$folder/modules" modules_install
	echo "$folder" > "$folder/complete"
fi
# virtme-ng looks for the modules of a kernel beside it.
ln -sfn ../build/vmlinux "$folder/modules/vmlinux"
echo "$folder"
