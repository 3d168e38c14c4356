# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Step: packages of Python that Debian lacks or has too old, in an environment of their own
# within the tree, so that the disk image has them as well.

python_done() {
	[ -e "$TREE$PYTHON_ENV/complete" ]
}

python_make() {
	rm -rf --one-file-system "${TREE:?}$PYTHON_ENV"
	run_logged "$CACHE/python.log" "$ROOT/scripts/in-tree" bash -c "
		/usr/bin/python3 -m venv --system-site-packages '$PYTHON_ENV' &&
		'$PYTHON_ENV/bin/pip' install --no-cache-dir --disable-pip-version-check \
			--require-hashes -r '$ROOT/scripts/packages/python.txt'"
	touch "$TREE$PYTHON_ENV/complete"
}
