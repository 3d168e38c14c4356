// SPDX-License-Identifier: GPL-2.0
/*
 * A socket of AF_XDP, for xsk.py: sends what it is told to, and tells what it
 * has received.
 *
 *   xsk DEVICE QUEUE MAP OPTION...
 *
 * MAP is a pinned XSKMAP, where the socket takes the place of QUEUE. Options:
 *
 *   copy, zerocopy  the one or the other, or no socket
 *   wakeup          the driver says when it wants to be woken
 *   busy            polls itself
 *   chunk=BYTES     size of a buffer
 *   fill=COUNT      buffers given for reception at the beginning
 *
 * Commands come by lines. Each is answered by lines of frames in hex, and then
 * one that begins with a word: "ok NUMBER", or "error WHAT", which ends all.
 *
 *   receive COUNT MS  frames, until there are so many or none came for MS
 *   send COUNT        frames that follow, in hex; when they are completed
 *   raw OFFSET BYTES  sends a descriptor, whatever it says
 *   fill COUNT        gives buffers for reception
 *   asked             whether the driver wants to be woken: 1 receive, 2 send
 *   kick              wakes it for reception
 *   dropped           frames that the socket has lost, and wrong descriptors
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Half of the buffers are for reception, half for sending. */
#define ENTRIES		256
#define CHUNKS		(2 * ENTRIES)
#define LONGEST		4096
/* Milliseconds that a frame may take to be sent. Nothing in good order takes so long. */
#define PATIENCE	120000
#define BUSY_USECS	20
#define BUSY_BUDGET	64

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL	69
#define SO_BUSY_POLL_BUDGET	70
#endif

/* One of the four rings that are shared with the kernel. */
struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	/* The place that is ours to move. */
	uint32_t next;
};

static int fd = -1;
static int busy;
static uint32_t chunk = 4096;
static uint8_t *umem;
static struct ring rx, tx, fill, done;

static void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	printf("error ");
	vprintf(format, list);
	printf("\n");
	va_end(list);
	exit(1);
}

static void check(int result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
}

static uint32_t load(const uint32_t *place)
{
	return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *place, uint32_t value)
{
	__atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static void map_ring(struct ring *ring, const struct xdp_ring_offset *offset,
		     size_t entry, off_t which)
{
	uint8_t *base = mmap(NULL, offset->desc + ENTRIES * entry,
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			     fd, which);

	if (base == MAP_FAILED)
		fail("mmap of a ring: %s", strerror(errno));
	ring->producer = (uint32_t *)(base + offset->producer);
	ring->consumer = (uint32_t *)(base + offset->consumer);
	ring->flags = (uint32_t *)(base + offset->flags);
	ring->entries = base + offset->desc;
}

static void make_rings(void)
{
	static const int options[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING,
		XDP_TX_RING,
	};
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	int entries = ENTRIES;
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++)
		check(setsockopt(fd, SOL_XDP, options[i], &entries,
				 sizeof(entries)), "ring");
	check(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size),
	      "XDP_MMAP_OFFSETS");
	map_ring(&rx, &offsets.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	map_ring(&tx, &offsets.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	map_ring(&fill, &offsets.fr, sizeof(uint64_t),
		 XDP_UMEM_PGOFF_FILL_RING);
	map_ring(&done, &offsets.cr, sizeof(uint64_t),
		 XDP_UMEM_PGOFF_COMPLETION_RING);
}

static void make_umem(void)
{
	struct xdp_umem_reg reg = { .chunk_size = chunk };

	reg.len = (uint64_t)CHUNKS * chunk;
	umem = mmap(NULL, reg.len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (umem == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	reg.addr = (uintptr_t)umem;
	check(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)),
	      "XDP_UMEM_REG");
}

static void set_busy(void)
{
	const int values[][2] = {
		{ SO_PREFER_BUSY_POLL, 1 },
		{ SO_BUSY_POLL, BUSY_USECS },
		{ SO_BUSY_POLL_BUDGET, BUSY_BUDGET },
	};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(*values); i++)
		check(setsockopt(fd, SOL_SOCKET, values[i][0], &values[i][1],
				 sizeof(int)), "busy polling");
}

/* Puts the socket into the map, so that programs find it. */
static void enter_map(const char *path, uint32_t queue)
{
	union bpf_attr attr;
	int map;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	map = syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
	check(map, path);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)&queue;
	attr.value = (uintptr_t)&fd;
	check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)),
	      "map");
	close(map);
}

/* The socket before this one on the queue may not be over yet. */
static void bind_it(const struct sockaddr_xdp *address)
{
	int ms;

	for (ms = 0; ms < PATIENCE; ms++) {
		if (!bind(fd, (const struct sockaddr *)address,
			  sizeof(*address)))
			return;
		if (errno != EBUSY)
			break;
		usleep(1000);
	}
	fail("bind: %s", strerror(errno));
}

static void wake_receive(void)
{
	recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

/* What the kernel has no room or no carrier for is tried again. */
static void wake_send(void)
{
	if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EBUSY && errno != ENOBUFS &&
	    errno != ENETDOWN)
		fail("sendto: %s", strerror(errno));
}

static void give(uint64_t addr)
{
	((uint64_t *)fill.entries)[fill.next++ % ENTRIES] = addr;
	store(fill.producer, fill.next);
}

/* Gives buffers from the first on. */
static void give_many(uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count && i < ENTRIES; i++)
		give((uint64_t)i * chunk);
	if (load(fill.flags) & XDP_RING_NEED_WAKEUP)
		wake_receive();
}

static void print_hex(const uint8_t *data, uint32_t len)
{
	static const char digits[] = "0123456789abcdef";
	static char line[2 * LONGEST + 2];
	uint32_t i;

	for (i = 0; i < len && i < LONGEST; i++) {
		line[2 * i] = digits[data[i] >> 4];
		line[2 * i + 1] = digits[data[i] & 15];
	}
	line[2 * i] = '\n';
	fwrite(line, 1, 2 * i + 1, stdout);
}

/* Waits for a frame. Whether there is one. */
static int await_frame(int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int turn;

	for (turn = 0; busy && turn < ms; turn++) {
		if (load(rx.producer) != rx.next)
			return 1;
		wake_receive();
		/* Where it is not busy polling that receives, nothing is. */
		usleep(1000);
	}
	if (!busy)
		check(poll(&poll_fd, 1, ms), "poll");
	return load(rx.producer) != rx.next;
}

static uint32_t receive(uint32_t count, int ms)
{
	struct xdp_desc *desc;
	uint32_t got = 0;

	while (got < count) {
		if (load(rx.producer) == rx.next && !await_frame(ms))
			break;
		desc = &((struct xdp_desc *)rx.entries)[rx.next++ % ENTRIES];
		print_hex(umem + desc->addr, desc->len);
		give(desc->addr & ~((uint64_t)chunk - 1));
		store(rx.consumer, rx.next);
		if (load(fill.flags) & XDP_RING_NEED_WAKEUP)
			wake_receive();
		got++;
	}
	return got;
}

/* Takes completions. How many there were. */
static uint32_t completed(void)
{
	uint32_t count = load(done.producer) - done.next;

	done.next += count;
	store(done.consumer, done.next);
	return count;
}

static void put(uint64_t addr, uint32_t len)
{
	struct xdp_desc *desc;

	desc = &((struct xdp_desc *)tx.entries)[tx.next++ % ENTRIES];
	desc->addr = addr;
	desc->len = len;
	desc->options = 0;
	store(tx.producer, tx.next);
}

static void kick_send(int needs_wakeup)
{
	if (!needs_wakeup || load(tx.flags) & XDP_RING_NEED_WAKEUP)
		wake_send();
}

/* Reads a frame into a buffer for sending. Its length. */
static uint32_t read_hex(uint8_t *to)
{
	static char line[2 * LONGEST + 3];
	unsigned int byte;
	uint32_t len = 0;

	if (!fgets(line, sizeof(line), stdin))
		fail("a frame is missing");
	while (len < chunk && sscanf(line + 2 * len, "%2x", &byte) == 1)
		to[len++] = byte;
	return len;
}

/* Waits until so many of what was sent are completed. */
static uint32_t await_completions(uint32_t count, int needs_wakeup)
{
	uint32_t got = 0;
	int ms;

	for (ms = 0; ms < PATIENCE; ms++) {
		got += completed();
		if (got >= count)
			break;
		kick_send(needs_wakeup);
		usleep(1000);
	}
	return got;
}

static uint32_t send_frames(uint32_t count, int needs_wakeup)
{
	uint32_t i;

	if (count > ENTRIES)
		fail("too many");
	for (i = 0; i < count; i++) {
		uint64_t addr = (uint64_t)(ENTRIES + i) * chunk;

		put(addr, read_hex(umem + addr));
	}
	return await_completions(count, needs_wakeup);
}

static unsigned long long lost(void)
{
	struct xdp_statistics stats;
	socklen_t size = sizeof(stats);

	check(getsockopt(fd, SOL_XDP, XDP_STATISTICS, &stats, &size),
	      "XDP_STATISTICS");
	return stats.rx_dropped + stats.rx_invalid_descs +
	       stats.tx_invalid_descs + stats.rx_ring_full;
}

static void serve(int needs_wakeup)
{
	unsigned long one, two;
	char line[64], name[16];
	int words;

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long number = 0;

		one = 0;
		two = 0;
		words = sscanf(line, "%15s %lu %lu", name, &one, &two);
		if (words < 1)
			fail("no command");
		if (!strcmp(name, "receive")) {
			number = receive(one, two);
		} else if (!strcmp(name, "send")) {
			number = send_frames(one, needs_wakeup);
		} else if (!strcmp(name, "raw")) {
			put(one, two);
			number = await_completions(1, needs_wakeup);
		} else if (!strcmp(name, "fill")) {
			give_many(one);
		} else if (!strcmp(name, "kick")) {
			wake_receive();
		} else if (!strcmp(name, "asked")) {
			if (load(fill.flags) & XDP_RING_NEED_WAKEUP)
				number |= 1;
			if (load(tx.flags) & XDP_RING_NEED_WAKEUP)
				number |= 2;
		} else if (!strcmp(name, "dropped")) {
			number = lost();
		} else {
			fail("no such command: %s", name);
		}
		printf("ok %llu\n", number);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP };
	uint32_t first = ENTRIES;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		fail("usage: xsk DEVICE QUEUE MAP OPTION...");
	for (i = 4; i < argc; i++) {
		if (!strcmp(argv[i], "copy"))
			address.sxdp_flags |= XDP_COPY;
		else if (!strcmp(argv[i], "zerocopy"))
			address.sxdp_flags |= XDP_ZEROCOPY;
		else if (!strcmp(argv[i], "wakeup"))
			address.sxdp_flags |= XDP_USE_NEED_WAKEUP;
		else if (!strcmp(argv[i], "busy"))
			busy = 1;
		else if (!strncmp(argv[i], "chunk=", 6))
			chunk = strtoul(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "fill=", 5))
			first = strtoul(argv[i] + 5, NULL, 0);
		else
			fail("no such option: %s", argv[i]);
	}
	fd = socket(AF_XDP, SOCK_RAW, 0);
	check(fd, "socket");
	make_umem();
	make_rings();
	if (busy)
		set_busy();
	give_many(first);
	address.sxdp_ifindex = if_nametoindex(argv[1]);
	address.sxdp_queue_id = strtoul(argv[2], NULL, 0);
	bind_it(&address);
	enter_map(argv[3], address.sxdp_queue_id);
	printf("ok 0\n");
	serve(address.sxdp_flags & XDP_USE_NEED_WAKEUP);
	return 0;
}
