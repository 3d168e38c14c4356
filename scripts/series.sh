#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# series.sh: cuts the series for the kernel's lists (scripts/export-series), applies it with git am, looks at
# it with checkpatch, and builds what it changes with each of $COMPILERS (clang, gcc), in build/series. Not
# the whole kernel: the Rust support with all its bindings and helpers, the driver, and the sample. So nothing
# is linked here; that helpers and functions of C that are called exist is what the compilers have seen.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
cd "$ROOT"

work=$ROOT/build/series
config=$ROOT/scripts/series/series.config
patches=$work/patches
# A git tree of what the series changes, and what is built: all of the source, by links that nothing writes to.
repository=$work/git
tree=$work/tree
tracked=(MAINTAINERS drivers/net/Kconfig drivers/net/ethernet/intel rust samples/rust)

in_tree() {
	nice -n 10 "$ROOT/scripts/in-tree" "$@"
}

in_git() {
	git -C "$repository" -c user.name=series -c user.email=series@localhost "$@"
}

make_trees() {
	[ "$(cat "$work/source" 2>/dev/null)" = "$KSRC" ] && return
	rm -rf "$work"
	mkdir -p "$repository"
	cp -al "$KSRC" "$tree" 2>/dev/null || cp -a "$KSRC" "$tree"
	(cd "$KSRC" && cp -a --parents "${tracked[@]}" "$repository")
	git init --quiet "$repository"
	in_git add --force --all
	in_git commit --quiet -m "Linux $SOURCE_VERSION"
	in_git tag series-base
	echo "$KSRC" > "$work/source"
}

# As who gets the mails does it. The result must be what the patches were made from, and is what is built;
# rsync makes new files of what differs and leaves the rest alone, for make.
apply() {
	in_git checkout --quiet --force -B applied series-base
	in_git am --quiet "$patches"/*[0-9]-[!c]*.patch
	in_git diff --quiet series
	(cd "$repository" && in_tree rsync -rc --delete --relative "${tracked[@]}" "$tree/")
	echo "git am: $(in_git rev-list --count series-base..) patches"
}

# Without a question that has its answer in the series: MAINTAINERS has entries for all new files, but each
# patch with a new file is asked for one. GIT_DIR keeps spdxcheck away, which wants a module of Python.
look() {
	(cd "$tree" && in_tree env GIT_DIR=/none scripts/checkpatch.pl --strict --terse --no-summary --quiet \
		--ignore FILE_PATH_CHANGES "$patches"/*[0-9]-[!c]*.patch) || die 'checkpatch has something to say'
	echo 'checkpatch --strict: nothing to say'
}

build() {
	local out=$work/out-$1 line missing=()
	local make=(make -C "$tree" "O=$out" -j"$(jobs_wanted)")
	case $1 in
	clang) make+=(LLVM=1) ;;
	gcc) make+=(CC=gcc-14 HOSTCC=gcc-14) ;;
	*) die "COMPILERS has $1, and may have clang and gcc" ;;
	esac
	mkdir -p "$out"
	run_logged "$out/config.log" in_tree "${make[@]}" "KCONFIG_ALLCONFIG=$config" allnoconfig
	while IFS= read -r line; do
		grep -qxF "$line" "$out/.config" || missing+=("$line")
	done < <(grep '^CONFIG_' "$config")
	[ ${#missing[@]} = 0 ] || die 'the series cannot be built with:' "${missing[@]}"
	run_logged "$out/build.log" in_tree "${make[@]}" prepare \
		drivers/net/ethernet/intel/rigbvf/ samples/rust/
	! grep -i 'warning' "$out/build.log" || die "warnings of $1, see $out/build.log"
	echo "built with $1: rust/, rigbvf and the sample"
}

hold_lock "$ROOT/build/series.lock" 'works on the series'
make_trees
in_tree scripts/export-series "$repository" "$patches"
apply
look
for compiler in ${COMPILERS:-clang}; do
	build "$compiler"
done
