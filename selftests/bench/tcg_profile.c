// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU's code generator that counts which instructions a VM
 * executes, for `make bench PROFILE=1`; tcg_profile.py reads what it writes.
 *
 * The guest says when: it calls MARKS, where a measurement begins, and MARKS + 1,
 * where it ends. It has mapped a page there that returns, and uses it for nothing
 * else. At the end the file named by out= has a line for each block of kernel
 * code that ran: address, instructions executed in it, locked ones among them,
 * and accesses to registers of devices, which only modules are watched for.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define MARKS		UINT64_C(0x7e5700000000)
#define KERNEL		UINT64_C(0xffff800000000000)
#define MODULES		UINT64_C(0xffffffffc0000000)
#define BLOCKS		(1u << 20)
#define LOCK_PREFIX	0xf0
#define PREFIX_BYTES	4

__attribute__((visibility("default"))) int qemu_plugin_version = API_VERSION;

/* A block of code; one that is translated again is found again. */
struct block {
	uint64_t addr;
	uint32_t insns;
	uint32_t locked;
	uint64_t io;
};

static struct block blocks[BLOCKS];
static struct qemu_plugin_scoreboard *runs;
static const char *out;

/* The place of a block; -1 when there is no more room. */
static long place(uint64_t addr, uint32_t insns)
{
	uint32_t index = (addr * UINT64_C(0x9e3779b97f4a7c15) + insns) >> 44;

	for (unsigned int i = 0; i < BLOCKS; i++) {
		struct block *block = &blocks[index];

		if (!block->insns || (block->addr == addr && block->insns == insns))
			return index;
		index = (index + 1) % BLOCKS;
	}
	return -1;
}

static void begin(unsigned int cpu, void *data)
{
	(void)data;
	memset(qemu_plugin_scoreboard_find(runs, cpu), 0, BLOCKS * sizeof(uint64_t));
	for (unsigned int i = 0; i < BLOCKS; i++)
		blocks[i].io = 0;
}

static void end(unsigned int cpu, void *data)
{
	const uint64_t *count = qemu_plugin_scoreboard_find(runs, cpu);
	FILE *file = fopen(out, "w");

	(void)data;
	if (!file) {
		perror(out);
		return;
	}
	for (unsigned int i = 0; i < BLOCKS; i++) {
		const struct block *block = &blocks[i];

		/*
		 * An access to a device in the midst of a block ends the block.
		 * QEMU then translates that instruction once more, alone, and
		 * has only memory accesses of it reported: it was counted.
		 */
		if (count[i] || block->io)
			fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				block->addr, count[i] * block->insns,
				count[i] * block->locked, block->io);
	}
	fclose(file);
}

static void accessed(unsigned int cpu, uint32_t info, uint64_t addr, void *data)
{
	struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(info, addr);
	struct block *block = data;

	(void)cpu;
	if (place && qemu_plugin_hwaddr_is_io(place))
		block->io++;
}

/* Whether the instruction locks the bus, by its prefix. */
static bool is_locked(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[PREFIX_BYTES] = { 0 };
	size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));

	return memchr(bytes, LOCK_PREFIX, len ? 1 : 0) ||
	       (bytes[0] == 0x66 && bytes[1] == LOCK_PREFIX);
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	size_t insns = qemu_plugin_tb_n_insns(tb);
	struct counter counter = { .score = runs };
	struct block *block;
	long index;

	(void)data;
	if (addr == MARKS)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, begin, CB_NO_REGS, NULL);
	if (addr == MARKS + 1)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, end, CB_NO_REGS, NULL);
	index = addr < KERNEL ? -1 : place(addr, insns);
	if (index < 0)
		return;
	block = &blocks[index];
	block->addr = addr;
	block->insns = insns;
	block->locked = 0;
	counter.offset = index * sizeof(uint64_t);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD_U64,
							  counter, 1);
	for (size_t i = 0; i < insns; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		block->locked += is_locked(insn);
		if (addr >= MODULES)
			qemu_plugin_register_vcpu_mem_cb(insn, accessed, CB_NO_REGS,
							 MEM_RW, block);
	}
}

__attribute__((visibility("default"))) int
qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc,
		    char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = argv[i] + 4;
	if (!out) {
		fprintf(stderr, "profile: out=FILE is missing\n");
		return 1;
	}
	runs = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
