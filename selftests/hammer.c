// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile user of a VFIO device, faster than Python: random accesses to the
 * first page of BAR 0, or its doorbell rung without end.
 *
 *   hammer random FD OFFSET COUNT SEED
 *   hammer ring FD OFFSET COUNT
 *   hammer reset FD OFFSET COUNT
 *
 * FD is an open VFIO device, OFFSET where BAR 0 begins in it. Prints how many
 * accesses there were, how many failed, and how long they took; also when it is
 * ended by SIGTERM.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGE		0x1000
#define CTRL		0x0000
#define CTRL_RST	(1u << 26)
#define VMBMEM		0x0800
#define V2PMAILBOX	0x0c40
#define REQ		0x01
#define ACK		0x02

static uint64_t state;
static unsigned long done, failed;
static int stop;

static void on_term(int number)
{
	(void)number;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static int stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* xorshift64: the same numbers for the same seed. */
static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void count(ssize_t result)
{
	done++;
	failed += result < 0;
}

/* Half of them where something is, the others anywhere, also across the end. */
static off_t place(void)
{
	uint64_t choice = next();

	switch (choice % 8) {
	case 0:
		return V2PMAILBOX;
	case 1:
		return V2PMAILBOX + next() % 4;
	case 2:
		return VMBMEM + next() % 72;
	case 3:
		return next() % 16;
	default:
		return next() % (PAGE + 8);
	}
}

/* Behind the page is the device itself, whose interrupts are none of our business. */
static size_t width(off_t offset)
{
	static const size_t widths[8] = { 4, 4, 8, 1, 2, 3, 16, 64 };
	size_t bytes = widths[next() % 8];

	return offset + bytes > PAGE + 8 ? 1 : bytes;
}

static void hammer_random(int fd, off_t base, unsigned long total)
{
	unsigned char bytes[64];
	uint64_t word;
	off_t offset;
	size_t len;

	while (done < total && !stopped()) {
		offset = place();
		len = width(offset);
		if (next() & 1) {
			count(pread(fd, bytes, len, base + offset));
			continue;
		}
		/* Resets take long: one in a while. */
		for (size_t at = 0; at < len; at += sizeof(word)) {
			word = next();
			if (offset < 8 && next() % 512)
				word &= ~((uint64_t)CTRL_RST << 32 | CTRL_RST);
			memcpy(bytes + at, &word, sizeof(word));
		}
		if (offset >= PAGE - 64)
			len = 1;
		count(pwrite(fd, bytes, len, base + offset));
	}
}

static void write_register(int fd, off_t base, off_t offset, uint32_t value)
{
	count(pwrite(fd, &value, sizeof(value), base + offset));
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	unsigned long total;
	off_t base;
	int fd;

	if (argc < 5) {
		fprintf(stderr, "usage: hammer random|ring|reset FD OFFSET COUNT [SEED]\n");
		return 2;
	}
	fd = atoi(argv[2]);
	base = strtoll(argv[3], NULL, 0);
	total = strtoul(argv[4], NULL, 0);
	state = argc > 5 ? strtoull(argv[5], NULL, 0) | 1 : 1;

	signal(SIGTERM, on_term);
	puts("begins");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!strcmp(argv[1], "random")) {
		hammer_random(fd, base, total);
	} else if (!strcmp(argv[1], "ring")) {
		while (done < total && !stopped())
			write_register(fd, base, V2PMAILBOX, REQ | ACK);
	} else if (!strcmp(argv[1], "reset")) {
		while (done < total && !stopped())
			write_register(fd, base, CTRL, CTRL_RST);
	} else {
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lu %lu %lld\n", done, failed,
	       (end.tv_sec - start.tv_sec) * 1000000000ll + end.tv_nsec - start.tv_nsec);
	return 0;
}
