# SPDX-License-Identifier: GPL-2.0
#
# Finds the programs in the log of a stage in VMs: prints seconds, boots and name of each.

match($0, / in [0-9]+ s, [0-9]+ boots, logs in /) && /^# / {
	name = substr($0, 3, RSTART - 3)
	split(substr($0, RSTART), word, " ")
	print word[2], word[4], name
}
