// SPDX-License-Identifier: GPL-2.0
#include "netdev.h"

/**
 * kapi_netif_carrier_ok() - netif_carrier_ok()
 * @dev: network device
 *
 * Return: whether the device has a carrier.
 */
bool kapi_netif_carrier_ok(const struct net_device *dev)
{
	return netif_carrier_ok(dev);
}

/**
 * kapi_netif_running() - netif_running()
 * @dev: network device
 *
 * Return: whether the device is open, or being opened.
 */
bool kapi_netif_running(const struct net_device *dev)
{
	return netif_running(dev);
}

/**
 * kapi_netif_device_present() - netif_device_present()
 * @dev: network device
 *
 * Return: false between netif_device_detach() and netif_device_attach().
 */
bool kapi_netif_device_present(const struct net_device *dev)
{
	return netif_device_present(dev);
}

/**
 * kapi_netif_is_bridge_port() - netif_is_bridge_port()
 * @dev: network device
 *
 * Return: whether a bridge has the device as a port, or is taking it in.
 */
bool kapi_netif_is_bridge_port(const struct net_device *dev)
{
	return netif_is_bridge_port(dev);
}

/**
 * kapi_netif_tx_wake_all() - netif_tx_wake_all_queues()
 * @dev: network device, maybe not registered yet
 */
void kapi_netif_tx_wake_all(struct net_device *dev)
{
	if (dev->reg_state == NETREG_UNINITIALIZED)
		netif_tx_start_all_queues(dev);
	else
		netif_tx_wake_all_queues(dev);
}

/**
 * kapi_netif_tx_disable() - netif_tx_disable()
 * @dev: network device
 */
void kapi_netif_tx_disable(struct net_device *dev)
{
	netif_tx_disable(dev);
}

/**
 * kapi_eth_hw_addr_set() - eth_hw_addr_set()
 * @dev: network device, RTNL held or not yet registered
 * @addr: six bytes
 */
void kapi_eth_hw_addr_set(struct net_device *dev, const u8 *addr)
{
	eth_hw_addr_set(dev, addr);
}

/**
 * kapi_eth_hw_addr_random() - eth_hw_addr_random()
 * @dev: network device, RTNL held or not yet registered
 */
void kapi_eth_hw_addr_random(struct net_device *dev)
{
	eth_hw_addr_random(dev);
}

static int kapi_vlan_bit(struct net_device *vlan, int vid, void *bits)
{
	u32 *words = bits;

	words[vid / 32 % (VLAN_N_VID / 32)] |= BIT(vid % 32);
	return 0;
}

/**
 * kapi_vlan_bits() - the VLANs that the stack has on a device
 * @dev: network device, RTNL held
 * @bits: VLAN_N_VID bits, to which those of the VLANs are added
 */
void kapi_vlan_bits(struct net_device *dev, u32 *bits)
{
	vlan_for_each(dev, kapi_vlan_bit, bits);
}
