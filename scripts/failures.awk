# SPDX-License-Identifier: GPL-2.0
#
# Finds in a log what scripts/totals.awk counts as failed or skipped: prints its names, each with the
# last lines that a kselftest said of the reason.

function show(name,    i) {
	print name
	for (i = said > 6 ? said - 5 : 1; i <= said; i++)
		print "    " reasons[i]
}

{ sub(/\r$/, "") }

/^(# *)?(not )?ok [0-9]+/ {
	inner = /^#/
	sub(/^# */, "")
	bad = (/^not ok/ && !/# (XFAIL|TODO)/) || /# SKIP/
	sub(/^(not )?ok [0-9]+ +/, "")
	# A program says nothing new where a case of it was named.
	if (bad && (inner || !named))
		show($0)
	named = inner && (named || bad)
	delete reasons
	said = 0
	next
}

/^[# ]*(Check|Exception)\|/ || /^[# ]*Check failed/ {
	sub(/^[# ]+/, "")
	reasons[++said] = $0
	next
}

# cargo test
/^---- .* stdout ----$/ { show($2) }

# Python's unittest
/^(FAIL|ERROR): / { show($2) }
