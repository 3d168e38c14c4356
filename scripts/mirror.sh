#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Prints the Debian mirror of this machine's own apt configuration. `MIRROR=` wins.
# apt-get indextargets understands one-line lists and deb822 files alike, and needs no
# lists to have been fetched.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [ -n "${MIRROR:-}" ]; then
	echo "${MIRROR%/}"
	exit
fi

# The first source of a Debian release itself; security and third-party archives have
# other release names. Cloud images name a file of mirrors: its first line is taken.
uri=$(apt-get indextargets --format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
	'Created-By: Packages' 2>/dev/null |
	awk '$2 ~ /^(bookworm|trixie|forky|sid|stable|oldstable|testing|unstable)$/ && $3 == "main" {
		print $1; exit }')
case $uri in
mirror+file:*)
	list=/${uri#mirror+file:}
	uri=$(awk '!/^#/ && NF { print $1; exit }' "$(realpath -m -- "${list%/}")") ;;
esac
[ -n "$uri" ] ||
	die 'no Debian mirror in the apt configuration of this machine' \
	    "Remedy: MIRROR=http://... make (a mirror with $SUITE and $SUITE-backports)."
echo "${uri%/}"
