// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of xdp.py and xsk.py. Each does its one thing with unicast frames of the
 * EtherType for experiments, and passes all others, so that the stack goes on
 * to work meanwhile.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define EXPERIMENT	0x88b5
/* What there is of the head room but the 40 bytes of a struct xdp_frame. */
#define PUSH		216
#define FILL		0x5a
#define TRIM		10
/* What rigb_frags_cut leaves, and rigb_frags_grow adds. */
#define LEFT		100
#define GROWTH		300
/* No action. */
#define ODD		77

/* 0: frames that a program did its one thing with. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/* 0: bytes of the last frame that a program of frags saw. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} length SEC(".maps");

/* By receive queue: all frames. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} queues SEC(".maps");

/* 0: where rigb_redirect sends. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} devs SEC(".maps");

/*
 * The same for rigb_frags_redirect: all programs with a map of devices see frames
 * of several buffers, or none of them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} frags_devs SEC(".maps");

/* By receive queue: where rigb_xsk sends. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

/* 0: destination and source that rigb_redirect writes into frames. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[2 * ETH_ALEN]);
} addresses SEC(".maps");

static void count(void *map, __u32 key)
{
	__u64 *value = bpf_map_lookup_elem(map, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static struct ethhdr *experiment(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	count(&queues, ctx->rx_queue_index);
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return NULL;
	if (eth->h_proto != bpf_htons(EXPERIMENT) || eth->h_dest[0] & 1)
		return NULL;
	count(&seen, 0);
	return eth;
}

static void swap(struct ethhdr *eth)
{
	__u8 to[ETH_ALEN];

	__builtin_memcpy(to, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, to, ETH_ALEN);
}

SEC("xdp")
int rigb_pass(struct xdp_md *ctx)
{
	experiment(ctx);
	return XDP_PASS;
}

SEC("xdp")
int rigb_drop(struct xdp_md *ctx)
{
	return experiment(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int rigb_abort(struct xdp_md *ctx)
{
	return experiment(ctx) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp")
int rigb_odd(struct xdp_md *ctx)
{
	return experiment(ctx) ? ODD : XDP_PASS;
}

/* Passes what is left without the last bytes. */
SEC("xdp")
int rigb_trim(struct xdp_md *ctx)
{
	if (experiment(ctx))
		bpf_xdp_adjust_tail(ctx, -TRIM);
	return XDP_PASS;
}

SEC("xdp")
int rigb_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth = experiment(ctx);

	if (!eth)
		return XDP_PASS;
	swap(eth);
	return XDP_TX;
}

/* Makes frames longer by all that the head room has, behind the header. */
static bool push(struct xdp_md *ctx)
{
	struct ethhdr *eth = experiment(ctx);
	struct ethhdr head;

	if (!eth)
		return false;
	__builtin_memcpy(&head, eth, sizeof(head));
	if (bpf_xdp_adjust_head(ctx, -PUSH))
		return false;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) + PUSH > (void *)(long)ctx->data_end)
		return false;
	__builtin_memset(eth + 1, FILL, PUSH);
	__builtin_memcpy(eth, &head, sizeof(head));
	return true;
}

SEC("xdp")
int rigb_push(struct xdp_md *ctx)
{
	push(ctx);
	return XDP_PASS;
}

SEC("xdp")
int rigb_push_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth;

	if (!push(ctx))
		return XDP_PASS;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	swap(eth);
	return XDP_TX;
}

SEC("xdp")
int rigb_redirect(struct xdp_md *ctx)
{
	struct ethhdr *eth = experiment(ctx);
	__u32 key = 0;
	__u8 *both;

	if (!eth)
		return XDP_PASS;
	both = bpf_map_lookup_elem(&addresses, &key);
	if (!both)
		return XDP_ABORTED;
	__builtin_memcpy(eth, both, 2 * ETH_ALEN);
	return bpf_redirect_map(&devs, 0, 0);
}

/*
 * Programs that see frames of several buffers. Each tells how long the frame is,
 * and changes its last byte, wherever that is.
 */
static struct ethhdr *marked(struct xdp_md *ctx)
{
	__u32 key = 0, last = bpf_xdp_get_buff_len(ctx) - 1;
	struct ethhdr *eth = experiment(ctx);
	__u8 byte;

	if (!eth)
		return NULL;
	bpf_map_update_elem(&length, &key, &(__u64){ last + 1 }, BPF_ANY);
	if (bpf_xdp_load_bytes(ctx, last, &byte, sizeof(byte)))
		return NULL;
	byte ^= FILL;
	if (bpf_xdp_store_bytes(ctx, last, &byte, sizeof(byte)))
		return NULL;
	/* The helpers may move what is looked at. */
	eth = (void *)(long)ctx->data;
	return (void *)(eth + 1) > (void *)(long)ctx->data_end ? NULL : eth;
}

SEC("xdp.frags")
int rigb_frags_pass(struct xdp_md *ctx)
{
	marked(ctx);
	return XDP_PASS;
}

SEC("xdp.frags")
int rigb_frags_drop(struct xdp_md *ctx)
{
	return marked(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags")
int rigb_frags_abort(struct xdp_md *ctx)
{
	return marked(ctx) ? XDP_ABORTED : XDP_PASS;
}

SEC("xdp.frags")
int rigb_frags_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth = marked(ctx);

	if (!eth)
		return XDP_PASS;
	swap(eth);
	return XDP_TX;
}

SEC("xdp.frags")
int rigb_frags_redirect(struct xdp_md *ctx)
{
	struct ethhdr *eth = marked(ctx);
	__u32 key = 0;
	__u8 *both;

	if (!eth)
		return XDP_PASS;
	both = bpf_map_lookup_elem(&addresses, &key);
	if (!both)
		return XDP_ABORTED;
	__builtin_memcpy(eth, both, 2 * ETH_ALEN);
	return bpf_redirect_map(&frags_devs, 0, 0);
}

/* Gives pages of a long frame back. */
SEC("xdp.frags")
int rigb_frags_cut(struct xdp_md *ctx)
{
	if (marked(ctx))
		bpf_xdp_adjust_tail(ctx, LEFT - (int)bpf_xdp_get_buff_len(ctx));
	return XDP_PASS;
}

/* Adds zeros, where the last buffer has room for them. */
SEC("xdp.frags")
int rigb_frags_grow_tx(struct xdp_md *ctx)
{
	struct ethhdr *eth;

	if (!marked(ctx) || bpf_xdp_adjust_tail(ctx, GROWTH))
		return XDP_PASS;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	swap(eth);
	return XDP_TX;
}

/* To the socket of the queue; without one they are passed. */
SEC("xdp")
int rigb_xsk(struct xdp_md *ctx)
{
	if (!experiment(ctx))
		return XDP_PASS;
	return bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
