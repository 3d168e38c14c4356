#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs the modules into $INSTALL_MOD_PATH/lib/modules/$KREL/updates (by default for
# the running kernel, which must be of the release that they were built for).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

release=${KREL:-$(uname -r)}
dest=${INSTALL_MOD_PATH:-}/lib/modules/$release/updates
modules=(pf_driver/rigb.ko vf_driver/rigbvf.ko)
# Not built for a kernel without VFIO.
[ ! -e "$ROOT/vfio_driver/rigb_vfio.ko" ] || modules+=(vfio_driver/rigb_vfio.ko)
for module in "${modules[@]}"; do
	built_for=$("$ROOT/scripts/in-tree" modinfo -F vermagic "$ROOT/$module" | cut -d' ' -f1)
	[ "$built_for" = "$release" ] ||
		die "$module is for Linux $built_for, to be installed for $release" \
		    "Remedy: make modules_install KREL=$built_for, or boot that kernel."
	install -D -m 644 "$ROOT/$module" "$dest/${module##*/}"
	echo "  INSTALL $dest/${module##*/}"
done
# A machine that only builds may lack kmod; one that loads modules has it.
if PATH=$PATH:/usr/sbin:/sbin command -v depmod > /dev/null; then
	PATH=$PATH:/usr/sbin:/sbin depmod ${INSTALL_MOD_PATH:+-b "$INSTALL_MOD_PATH"} "$release"
else
	echo "rigb: no depmod here; run 'depmod $release' where the modules are to be loaded" >&2
fi
