// SPDX-License-Identifier: GPL-2.0
/*
 * A program for xdp.py and xsk.py that is bound to a device and asks it for the
 * hash and the tag of frames. It passes all of them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define EXPERIMENT	0x88b5

/* Opaque here: its values are the kernel's. */
enum xdp_rss_hash_type { XDP_RSS_TYPE_NONE };

struct vlan_hdr {
	__be16 tci;
	__be16 proto;
};

/* What was said of the last frame of a kind. */
struct told {
	/* Frames, and how often the hash of one was not that of the one before. */
	__u32 frames, changes;
	/* What the functions returned, and what they gave. */
	__s32 hash_error;
	__u32 hash, type;
	__s32 tag_error;
	__u16 proto, tci;
};

/* By kind of frame: that for experiments, UDP and TCP over IPv4. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct told);
} told_of SEC(".maps");

extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
				    enum xdp_rss_hash_type *rss_type) __ksym;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx,
					__be16 *vlan_proto,
					__u16 *vlan_tci) __ksym;

/* Which kind of frame this is, or -1. */
static int kind(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *next = eth + 1;
	struct iphdr *ip;
	__be16 proto;

	if (next > end || eth->h_dest[0] & 1)
		return -1;
	proto = eth->h_proto;
	if (proto == bpf_htons(ETH_P_8021Q)) {
		struct vlan_hdr *vlan = next;

		next = vlan + 1;
		if (next > end)
			return -1;
		proto = vlan->proto;
	}
	if (proto == bpf_htons(EXPERIMENT))
		return 0;
	ip = next;
	if (proto != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end)
		return -1;
	if (ip->protocol == IPPROTO_UDP)
		return 1;
	return ip->protocol == IPPROTO_TCP ? 2 : -1;
}

SEC("xdp")
int rigb_ask(struct xdp_md *ctx)
{
	enum xdp_rss_hash_type type = XDP_RSS_TYPE_NONE;
	__u32 key = kind(ctx), hash = 0;
	struct told *told;
	__be16 proto = 0;
	__u16 tci = 0;

	told = bpf_map_lookup_elem(&told_of, &key);
	if (!told)
		return XDP_PASS;
	told->hash_error = bpf_xdp_metadata_rx_hash(ctx, &hash, &type);
	told->tag_error = bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci);
	told->changes += told->hash != hash;
	told->hash = hash;
	told->type = type;
	told->proto = bpf_ntohs(proto);
	told->tci = tci;
	told->frames++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
