# SPDX-License-Identifier: GPL-2.0
#
# Finds the programs in the log of a stage in VMs: prints seconds, those of a processor, boots and name
# of each. What shares a VM has the latter two in the line of the first.

match($0, / in [0-9]+ s, [0-9]+ s of a processor, [0-9]+ boots, logs in /) && /^# / {
	name = substr($0, 3, RSTART - 3)
	split(substr($0, RSTART), word, " ")
	print word[2], word[4], word[9], name
}
