#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compile.sh: compiles the files of must_fail/, and the examples in the documentation of kapi/, against kapi/,
# with the very flags that kbuild gave to rustc for a driver, and prints TAP. A file must give just the errors
# that it announces by `//~ CODE` at the end of their lines. What is tried there would be undefined behaviour of
# a driver without `unsafe`. Examples announce none.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
cd "$ROOT"

kbuild=pf_driver/.rigb_main.o.cmd
[ -e "$kbuild" ] || die 'rigb.ko is not built' 'Remedy: make'
# What the driver is made of has no part in this.
flags=$(sed -n '1s/^savedcmd_[^ ]* := //p' "$kbuild" | sed -e 's| --out-dir [^ ]*||' \
	-e 's| --emit=[^ ]*||g' -e 's| pf_driver/rigb_main.rs *$||')
out=build/must_fail
rm -rf "$out"
mkdir -p "$out/examples"

# compile FILE [OPTION...]: what rustc says, a line an error.
compile() {
	KDIR=${KDIR:-$STOCK_KDIR} scripts/in-tree env RUSTC_BOOTSTRAP=1 sh -c \
		"$flags --emit=metadata --out-dir=$out --error-format=short -Awarnings ${*:2} $1" 2>&1
}

# announced FILE: the errors that it shall have, as LINE CODE, or the words of one without a code.
announced() {
	awk 'match($0, /\/\/~ /) { print FNR, substr($0, RSTART + 4) }' "$1"
}

# examples FILE: writes the examples in a file's documentation, each to a file of its own. They see kapi/
# where a driver has it.
examples() {
	awk -v out="$out/examples/$(tr / _ <<< "${1%.rs}")" '
		/^ *\/\/[\/!] # / { wanted = /# Examples$/ }
		/^ *\/\/[\/!] ```/ {
			inside = wanted && !inside
			if (inside) {
				file = out "_" FNR ".rs"
				print "//! An example.\n\npub use ::kapi::kapi;\n" > file
			}
			next
		}
		inside { sub(/^ *\/\/[\/!] ?(# )?/, ""); print > file }' "$1"
}

# seen OUTPUT: the errors that there were.
seen() {
	sed -nE 's/^[^:]*:([0-9]+):[0-9]+: error\[(E[0-9]+)\].*/\1 \2/p; t
		s/^[^:]*:([0-9]+):[0-9]+: error: ([^:]*).*/\1 \2/p; t
		/^error(\[|: [^a]|: a[^b])/p' <<< "$1" | sort -u | sort -n
}

# The crate that the others use comes first. It announces no error.
cases=(kapi/tests/must_fail/kapi.rs)
for file in kapi/tests/must_fail/*.rs; do
	[ "$file" = "${cases[0]}" ] || cases+=("$file")
done
while IFS= read -r file; do
	examples "$file"
done < <(git ls-files 'kapi/*.rs')
cases+=("$out"/examples/*.rs)
echo "1..${#cases[@]}"
failed=0
number=0
for file in "${cases[@]}"; do
	number=$((number + 1))
	name=$(basename "$file" .rs)
	options=()
	[ "$number" = 1 ] || options=(--extern "kapi=$out/libkapi.rmeta")
	said=$(compile "$file" "${options[@]}") || :
	if difference=$(diff <(announced "$file") <(seen "$said")); then
		echo "ok $number compile: $name"
	else
		printf '%s\n' "$difference" "$said" | sed 's/^/# /'
		echo "not ok $number compile: $name"
		failed=1
	fi
done
exit $failed
