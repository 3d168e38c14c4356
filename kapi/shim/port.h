/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface between the PF's driver and a driver that gives a VF a mailbox
 * in software. The former exports one symbol, rigb_port_api; the latter looks
 * it up with symbol_get(), so that neither module needs the other.
 */
#ifndef KAPI_SHIM_PORT_H
#define KAPI_SHIM_PORT_H

#include <linux/pci.h>
#include <linux/types.h>

/*
 * Both tables begin with the version that they are of and with their size. The
 * version changes with what a member means; new members come last. Who gets a
 * table of another version, or one that lacks members, does not use it: the
 * modules may be of different builds.
 */
#define RIGB_PORT_VERSION	1

#define RIGB_PORT_WORDS		16
#define RIGB_PORT_COUNTERS	5

/**
 * struct rigb_port_ops - a mailbox, as the PF's driver uses it
 * @version: RIGB_PORT_VERSION
 * @size: of this table
 * @take_events: bit 0: a request was rung for, bit 1: an acknowledgment
 * @control: reads P2VMAILBOX
 * @set_control: writes P2VMAILBOX
 * @read: reads the sixteen words of the last request
 * @write: writes the first words of a message, sixteen at most
 * @set_link: what STATUS is to show of the link
 * @pf_reset: the PF goes into reset, or is out of it
 * @counters: RIGB_PORT_COUNTERS numbers: accesses, refused ones, rings,
 *            resets, interrupts
 *
 * All are called in process context, maybe several at a time, and never wait
 * for the VF.
 */
struct rigb_port_ops {
	u32 version;
	u32 size;
	u32 (*take_events)(void *port);
	u32 (*control)(void *port);
	void (*set_control)(void *port, u32 value);
	void (*read)(void *port, u32 *words);
	void (*write)(void *port, const u32 *words, size_t count);
	void (*set_link)(void *port, u32 status);
	void (*pf_reset)(void *port, bool begin);
	void (*counters)(void *port, u64 *counters);
};

/**
 * struct rigb_port_api - what the PF's driver offers
 * @version: RIGB_PORT_VERSION
 * @size: of this table
 * @attach: makes @port the mailbox of VF @vf of @pf. Process context.
 *	Returns 0 and a link, -ENODEV if @pf is not a PF of this driver,
 *	-EINVAL if there is no such VF, -EBUSY if it has a mailbox already,
 *	-EPROTONOSUPPORT for operations of another version.
 *	After an error no operation runs any more or ever will.
 * @ring: has the PF look at the mailbox soon. Process context.
 * @detach: ends it: no operation runs any more or ever will. Process context.
 */
struct rigb_port_api {
	u32 version;
	u32 size;
	int (*attach)(struct pci_dev *pf, u32 vf,
		      const struct rigb_port_ops *ops, void *port, void **link);
	void (*ring)(void *link);
	void (*detach)(void *link);
};

/* The PF's driver: the lock of its list of devices, and what C calls. */
void kapi_port_lock(void);
void kapi_port_unlock(void);
int kapi_port_attach(struct pci_dev *pf, u32 vf,
		     const struct rigb_port_ops *ops, void *port, void **link);
void kapi_port_ring(void *link);
void kapi_port_detach(void *link);

/* The other side. */
const struct rigb_port_api *kapi_port_get(void);
void kapi_port_put(void);

#endif /* KAPI_SHIM_PORT_H */
