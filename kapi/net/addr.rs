// SPDX-License-Identifier: GPL-2.0

//! Ethernet addresses and the address lists of a device.
//!
//! C header: [`include/linux/etherdevice.h`](srctree/include/linux/etherdevice.h)

use core::marker::PhantomData;

use crate::kapi::bindings;
use kernel::types::Opaque;

/// Length of an Ethernet address in bytes.
pub const ETH_ALEN: usize = bindings::ETH_ALEN as usize;

/// The protocol of a frame with a customer VLAN tag, in the CPU's byte order.
// CAST: An EtherType.
pub const ETH_P_8021Q: u16 = bindings::ETH_P_8021Q as u16;

/// An Ethernet address, in the order of transmission.
pub type MacAddress = [u8; ETH_ALEN];

/// Whether `addr` may be the address of an interface: unicast and not all zero.
pub const fn is_valid_ether_addr(addr: &MacAddress) -> bool {
    addr[0] & 1 == 0 && !is_zero_ether_addr(addr)
}

/// Whether `addr` is all zero.
pub const fn is_zero_ether_addr(addr: &MacAddress) -> bool {
    (addr[0] | addr[1] | addr[2] | addr[3] | addr[4] | addr[5]) == 0
}

/// A list of addresses that a device shall receive: a snapshot that the core made for one call of
/// `set_rx_mode`, so no lock is needed to walk it.
///
/// # Invariants
///
/// The list is not changed while a reference to this exists, and all its entries hold an Ethernet
/// address.
#[repr(transparent)]
pub struct AddrList(Opaque<bindings::netdev_hw_addr_list>);

impl AddrList {
    /// # Safety
    ///
    /// `raw` is a valid list of Ethernet addresses that nobody changes for `'a`.
    pub(in crate::kapi) unsafe fn from_raw<'a>(
        raw: *const bindings::netdev_hw_addr_list,
    ) -> &'a Self {
        // SAFETY: `AddrList` is transparent; validity by the requirement of this function.
        unsafe { &*raw.cast() }
    }

    /// The number of addresses.
    pub fn len(&self) -> usize {
        // SAFETY: Valid and unchanging by the type invariant.
        let count = unsafe { (*self.0.get()).count };
        usize::try_from(count).unwrap_or(0)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses. The first ones came first.
    pub fn iter(&self) -> AddrIter<'_> {
        let head = self.0.get().cast::<bindings::list_head>();
        AddrIter {
            head,
            // SAFETY: Valid by the type invariant; `list` is the first member.
            next: unsafe { (*head).next },
            _list: PhantomData,
        }
    }
}

impl<'a> IntoIterator for &'a AddrList {
    type Item = MacAddress;
    type IntoIter = AddrIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Iterator over an [`AddrList`].
///
/// # Invariants
///
/// `next` is `head` or the `list` member of an entry of that list.
pub struct AddrIter<'a> {
    head: *const bindings::list_head,
    next: *const bindings::list_head,
    _list: PhantomData<&'a AddrList>,
}

impl Iterator for AddrIter<'_> {
    type Item = MacAddress;

    fn next(&mut self) -> Option<MacAddress> {
        if core::ptr::eq(self.next, self.head) {
            return None;
        }
        let entry = self.next.cast::<bindings::netdev_hw_addr>();
        let mut addr = [0; ETH_ALEN];
        // SAFETY: By the type invariant, and since it is not the head, `next` is the first member
        // of an entry, which stays valid and unchanged while the list is borrowed.
        unsafe {
            addr.copy_from_slice(&(&(*entry).addr)[..ETH_ALEN]);
            // INVARIANT: The list is circular.
            self.next = (*self.next).next;
        }
        Some(addr)
    }
}

const _: () = {
    assert!(core::mem::offset_of!(bindings::netdev_hw_addr_list, list) == 0);
    assert!(core::mem::offset_of!(bindings::netdev_hw_addr, list) == 0);
};

/// What a device shall receive beside its own address and broadcast.
pub struct RxMode<'a> {
    /// Every frame on the wire.
    pub promisc: bool,
    /// Every multicast frame.
    pub allmulti: bool,
    /// Unicast addresses beside the device's own.
    pub uc: &'a AddrList,
    /// Multicast addresses.
    pub mc: &'a AddrList,
}
