# SPDX-License-Identifier: GPL-2.0
#
# Counts tests in a log: prints passed, failed, skipped.
#
# TAP in TAP, as kselftest's runner prints it, has the inner lines behind "# ". A program
# with inner lines is counted by them, and by its own line only if that says something else:
# a program that fails with no inner failure, or one with no inner line at all.

function count(line) {
	if (line ~ /^not ok .*# (XFAIL|TODO)/) passed++
	else if (line ~ /^(not )?ok .*# SKIP/) skipped++
	else if (line ~ /^not ok /) failed++
	else if (line ~ /^ok /) passed++
}

{ sub(/\r$/, "") }

/^# *(not )?ok [0-9]+/ {
	sub(/^# */, "")
	before = failed
	count($0)
	inner++
	inner_failed += failed - before
	next
}

/^(not )?ok [0-9]+/ {
	if (!inner || (/^not ok/ && !inner_failed && !/# SKIP/))
		count($0)
	inner = inner_failed = 0
	next
}

# cargo test
/^test result: / {
	for (i = 1; i < NF; i++) {
		if ($(i + 1) == "passed;") passed += $i
		if ($(i + 1) == "failed;") failed += $i
		if ($(i + 1) == "ignored;") skipped += $i
	}
	next
}

# Python's unittest: its last line names what of the tests run did not pass.
/^Ran [0-9]+ tests? in / {
	ran = $2
	next
}

/^(OK|FAILED)( \(|$)/ && ran {
	split($0, words, /[(), ]+/)
	for (i in words) {
		split(words[i], pair, "=")
		if (pair[1] == "failures" || pair[1] == "errors") {
			failed += pair[2]
			ran -= pair[2]
		} else if (pair[1] == "skipped") {
			skipped += pair[2]
			ran -= pair[2]
		}
	}
	passed += ran
	ran = 0
	next
}

# cargo fuzz: a target that came to its end.
/^Done [0-9]+ runs/ { passed++ }

END { print passed + 0, failed + 0, skipped + 0 }
