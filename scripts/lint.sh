#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All that judges the sources without running them. Each check is one line of TAP; its
# complaints come before it.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
cd "$ROOT"

in_tree() {
	"$ROOT/scripts/in-tree" "$@"
}

# Tracked and new files, without what is removed and not yet committed.
files() {
	git ls-files -co --exclude-standard -- "$@" | while IFS= read -r file; do
		[ -f "$file" ] && echo "$file"
	done
}

check_rustfmt() {
	local list
	mapfile -t list < <(files '*.rs')
	in_tree rustfmt --check --edition 2021 --config-path "$ROOT" "${list[@]}"
}

# The kernel's own list of lints, in a copy: the products in place stay as they are.
check_clippy_modules() {
	local copy
	copy=$(scripts/copy-source clippy) &&
		SOURCE=$copy CLIPPY=1 KRUSTFLAGS=-Dwarnings scripts/kbuild.sh modules
}

check_clippy_crates() {
	in_tree env CARGO_TARGET_DIR="$ROOT/build/clippy-crates" \
		cargo clippy --locked --quiet --all-targets -- -D warnings
}

check_shellcheck() {
	local list
	mapfile -t list < <(files | while IFS= read -r file; do
		case ${file##*/} in
		*.sh) echo "$file" ;;
		*.*) ;;
		*) head -n 1 "$file" | grep -qa '^#!.*sh$' && echo "$file" ;;
		esac
	done)
	in_tree shellcheck -x "${list[@]}"
}

check_checkpatch() {
	local list
	mapfile -t list < <(files '*.c' '*.h')
	in_tree "$KSRC/scripts/checkpatch.pl" --no-tree --no-summary --quiet --terse \
		--file "${list[@]}"
}

check_python() {
	local list
	mapfile -t list < <(files '*.py')
	in_tree python3 - "${list[@]}" <<'PYTHON'
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)
PYTHON
}

# Every file says its licence in its first lines, but for those that cannot.
check_spdx() {
	local file bad=0
	while IFS= read -r file; do
		case $file in
		# The kernel's test runner takes every line of these for a setting.
		selftests/settings|selftests/config) continue ;;
		COPYING|.gitignore|*/.gitignore|*.lock|*.json|*.svg|*/corpus/*) continue ;;
		esac
		[ -s "$file" ] || continue
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0' && continue
		echo "$file: no SPDX line"
		bad=1
	done < <(files)
	return "$bad"
}

checks=(rustfmt clippy_modules clippy_crates shellcheck checkpatch python spdx)
number=0
failed=0
echo "1..${#checks[@]}"
for check in "${checks[@]}"; do
	number=$((number + 1))
	if "check_$check" 2>&1; then
		echo "ok $number lint: $check"
	else
		echo "not ok $number lint: $check"
		failed=1
	fi
done
exit $failed
