#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# doc.sh rust|html: makes pages in build/doc, and fails if there is a warning. `rust` is what
# rustdoc says of modules and crates, `html` what Sphinx makes of Documentation/.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
load_tree || die 'the Debian tree is not there yet' 'Remedy: make prepare'
cd "$ROOT"

case ${1:-} in
rust)
	scripts/rust-tool.sh doc pf_driver/rigb_main vf_driver/rigbvf_main vfio_driver/rigb_vfio_main
	scripts/in-tree env RUSTDOCFLAGS='-Dwarnings -Arustdoc::private-intra-doc-links' \
		CARGO_TARGET_DIR="$ROOT/build/doc/crates" \
		cargo doc --locked --quiet --no-deps --document-private-items ;;
html)
	tools=$(scripts/lint-tools.sh)
	scripts/in-tree "$tools/sphinx-build" -W --keep-going -q -b html -d build/doc/sphinx \
		Documentation build/doc/html ;;
*) die 'usage: doc.sh rust|html' ;;
esac
