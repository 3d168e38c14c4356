// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of compare.py. Each does its one thing with UDP over IPv4, which is what
 * pktgen sends, and passes all others.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* 0: where rigb_redirect sends. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} devs SEC(".maps");

/* 0: destination and source that frames get before they are sent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[2 * ETH_ALEN]);
} addresses SEC(".maps");

static struct ethhdr *of_pktgen(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return NULL;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return NULL;
	return eth;
}

static bool readdress(struct xdp_md *ctx)
{
	struct ethhdr *eth = of_pktgen(ctx);
	__u32 key = 0;
	__u8 *both = bpf_map_lookup_elem(&addresses, &key);

	if (!eth || !both)
		return false;
	__builtin_memcpy(eth, both, 2 * ETH_ALEN);
	return true;
}

SEC("xdp")
int rigb_drop(struct xdp_md *ctx)
{
	return of_pktgen(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int rigb_tx(struct xdp_md *ctx)
{
	return readdress(ctx) ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int rigb_redirect(struct xdp_md *ctx)
{
	return readdress(ctx) ? bpf_redirect_map(&devs, 0, 0) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
