#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All that judges the sources without running them. Each check is one line of TAP; its
# complaints come before it. The checks run side by side, and are shown in their order.

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

# The kernel's own list of lints. The link that kbuild leaves has no Rust of ours.
check_clippy_modules() {
	scripts/rust-tool.sh clippy "${MODULES[@]}"
}

check_clippy_crates() {
	in_tree env CARGO_TARGET_DIR="$ROOT/build/clippy-crates" \
		cargo clippy --locked --quiet --all-targets -- -D warnings
}

check_rustdoc() {
	scripts/doc.sh rust
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

# Comments that begin as the kernel's documentation of functions does, and are none.
check_kernel_doc() {
	local list
	mapfile -t list < <(files '*.c' '*.h')
	in_tree python3 "$KSRC/scripts/kernel-doc" -none -Wall -Werror "${list[@]}"
}

# kbuild's C=2, on the C files of the modules. Debian's sparse does not know this operator of C23;
# for what sparse looks at, __typeof__ is as good.
check_sparse() {
	local objects
	mapfile -t objects < <(files '*/kapi_shim.c' | sed 's/c$/o/')
	scripts/kbuild.sh C=2 CF=-Wsparse-error \
		CHECK='sparse -D__typeof_unqual__=__typeof__' "${objects[@]}"
}

# What CONFIG_FRAME_WARN is for gcc, which rustc does not mind: no function of a module has 2 KiB of the
# stack or more. A size with a sign is one that is added.
check_stack() {
	local module large status=0
	for module in "${MODULES[@]%_main}"; do
		if [ ! -e "$module.ko" ]; then
			echo "no $module.ko: run make"
			status=1
			continue
		fi
		large=$(in_tree objdump -d -C --no-show-raw-insn "$module.ko" | awk '
			/^[0-9a-f]+ <.*>:$/ { name = $0 }
			/\tsub +\$0x([89a-f]|[0-9a-f]+[0-9a-f])[0-9a-f][0-9a-f],%rsp/ && !/0xffff/ {
				print name, $NF
			}')
		[ -z "$large" ] && continue
		echo "$module.ko: functions with 2 KiB of the stack or more:"
		echo "$large"
		status=1
	done
	return "$status"
}

check_ruff() {
	in_tree "$TOOLS/ruff" check --quiet --output-format concise --cache-dir build/ruff
}

check_mypy() {
	in_tree "$TOOLS/mypy" --python-executable "$PYTHON_ENV/bin/python3" --no-error-summary
}

# Modules that import each other cannot be read, or tested, one by one.
check_import_cycles() {
	in_tree scripts/import-cycles control pf_driver vf_driver vfio_driver
}

check_codespell() {
	local list
	mapfile -t list < <(files | grep -vE '(^|/)(COPYING|Cargo.lock)$')
	in_tree "$TOOLS/codespell" "${list[@]}"
}

check_htmldocs() {
	scripts/doc.sh html
}

# Every file says its licence in its first lines, but for those that cannot.
check_spdx() {
	local bad
	# The kernel's test runner takes every line of settings and config for a setting.
	bad=$(files | grep -vxE 'selftests/(settings|config)' |
		grep -vE '(^|/)(COPYING|\.gitignore)$|\.(lock|json|svg)$|/corpus/' |
		xargs -d '\n' awk '
			FNR == 1 { lacks[FILENAME] }
			FNR <= 3 && /SPDX-License-Identifier: GPL-2.0/ { delete lacks[FILENAME] }
			FNR == 3 { nextfile }
			END { for (file in lacks) print file ": no SPDX line" }')
	[ -z "$bad" ] && return
	echo "$bad"
	return 1
}

MODULES=(pf_driver/rigb_main vf_driver/rigbvf_main vfio_driver/rigb_vfio_main samples/kapi_loop_main)
# Those that take longest are first, so that the others fill the time beside them.
checks=(rustdoc clippy_modules clippy_crates sparse rustfmt shellcheck mypy htmldocs checkpatch stack
	kernel_doc codespell ruff import_cycles spdx)
# In a subshell each: what they set is their own.
TOOLS=$(scripts/lint-tools.sh)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for check in "${checks[@]}"; do
	[ "$(jobs -rp | wc -l)" -lt "$(jobs_wanted)" ] || wait -n || :
	{ "check_$check" > "$results/$check" 2>&1 && touch "$results/$check.ok"; } &
done
wait

number=0
failed=0
echo "1..${#checks[@]}"
for check in "${checks[@]}"; do
	number=$((number + 1))
	cat "$results/$check"
	if [ -e "$results/$check.ok" ]; then
		echo "ok $number lint: $check"
	else
		echo "not ok $number lint: $check"
		failed=1
	fi
done
exit $failed
