/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KAPI_SHIM_NETDEV_H
#define KAPI_SHIM_NETDEV_H

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>

/* Macros that bindgen cannot evaluate. */
enum {
	KAPI_ETHTOOL_COALESCE_RX_USECS = ETHTOOL_COALESCE_RX_USECS,
	KAPI_ETHTOOL_COALESCE_RX_MAX_FRAMES = ETHTOOL_COALESCE_RX_MAX_FRAMES,
	KAPI_ETHTOOL_COALESCE_TX_USECS = ETHTOOL_COALESCE_TX_USECS,
	KAPI_ETHTOOL_COALESCE_TX_MAX_FRAMES = ETHTOOL_COALESCE_TX_MAX_FRAMES,
	KAPI_ETHTOOL_COALESCE_USE_ADAPTIVE_RX = ETHTOOL_COALESCE_USE_ADAPTIVE_RX,
	KAPI_ETHTOOL_COALESCE_USE_ADAPTIVE_TX = ETHTOOL_COALESCE_USE_ADAPTIVE_TX,
};

enum {
	KAPI_NETIF_MSG_DRV = NETIF_MSG_DRV,
	KAPI_NETIF_MSG_PROBE = NETIF_MSG_PROBE,
	KAPI_NETIF_MSG_LINK = NETIF_MSG_LINK,
};

/*
 * Layouts that Rust uses directly on hot paths. Rust compares them with what
 * bindgen made of the structs, at build time.
 */
enum {
	KAPI_NETDEV_PRIV_OFFSET = offsetof(struct net_device, priv),
	KAPI_NETDEV_QUEUE_SIZE = sizeof(struct netdev_queue),
	KAPI_SOCKADDR_DATA_OFFSET = offsetof(struct sockaddr, sa_data),
};

bool kapi_netif_carrier_ok(const struct net_device *dev);
bool kapi_netif_running(const struct net_device *dev);
bool kapi_netif_device_present(const struct net_device *dev);
bool kapi_netif_is_bridge_port(const struct net_device *dev);
void kapi_netif_tx_wake_all(struct net_device *dev);
void kapi_netif_tx_disable(struct net_device *dev);
void kapi_eth_hw_addr_set(struct net_device *dev, const u8 *addr);
void kapi_eth_hw_addr_random(struct net_device *dev);
void kapi_vlan_bits(struct net_device *dev, u32 *bits);

#endif /* KAPI_SHIM_NETDEV_H */
