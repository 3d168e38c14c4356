// SPDX-License-Identifier: GPL-2.0

//! Configuration of a network device: what needs the RTNL.

use core::ptr::addr_of_mut;

use crate::kapi::bindings;
use kernel::{
    error::to_result,
    impl_flags,
    prelude::*,
    time::msecs_to_jiffies, //
};

use super::{
    addr::MacAddress,
    features::FeatureSet,
    Device,
    Rtnl, //
};

impl_flags!(
    /// What a driver declares about itself.
    #[derive(Debug, Clone, Default, Copy, PartialEq, Eq)]
    pub struct PrivFlags(u32);

    /// One declaration (`enum netdev_priv_flags`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum PrivFlag {
        /// Filters several unicast addresses; without it the core falls back to promiscuous mode.
        UnicastFilter = bindings::netdev_priv_flags_IFF_UNICAST_FLT,
        /// Can send frames without adding the frame check sequence.
        SupportsNoFcs = bindings::netdev_priv_flags_IFF_SUPP_NOFCS,
        /// The address may be changed while the device is open.
        LiveAddrChange = bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE,
    }
);

/// Words of a set of VLANs.
pub const VLAN_WORDS: usize = bindings::VLAN_N_VID as usize / 32;

/// All of this may sleep, and is for the time before registration and for callbacks under the RTNL.
impl Device<Rtnl> {
    fn registered(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        let state = unsafe { (*self.as_raw()).reg_state };
        u32::from(state) == bindings::netdev_reg_state_NETREG_REGISTERED
    }

    fn uninitialized(&self) -> Result {
        // SAFETY: Valid by the type invariant.
        let state = unsafe { (*self.as_raw()).reg_state };
        if u32::from(state) == bindings::netdev_reg_state_NETREG_UNINITIALIZED {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }

    /// Sets how many of the allocated queues are in use.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for none or more than allocated, [`ENOMEM`]; nothing is changed then.
    pub fn set_real_num_queues(&self, tx: u32, rx: u32) -> Result {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        to_result(unsafe { bindings::netif_set_real_num_queues(self.as_raw(), tx, rx) })
    }

    /// Sets the MTU: for `change_mtu`, when the device has taken it, and before registration.
    pub fn set_mtu(&self, mtu: u32) {
        // SAFETY: Valid by the type invariant; the RTNL is held. Readers take no lock.
        unsafe { addr_of_mut!((*self.as_raw()).mtu).write_volatile(mtu) };
    }

    /// Sets the range of MTUs that the core lets through to `change_mtu`.
    pub fn set_mtu_range(&self, min: u32, max: u32) {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        unsafe {
            (*self.as_raw()).min_mtu = min;
            (*self.as_raw()).max_mtu = max;
        }
    }

    /// Sets the address.
    pub fn set_dev_addr(&self, addr: &MacAddress) {
        // SAFETY: Valid by the type invariant; the RTNL is held; six bytes are read.
        unsafe { bindings::kapi_eth_hw_addr_set(self.as_raw(), addr.as_ptr()) };
    }

    /// Takes an address that somebody below assigned, as a PF may at any time: as
    /// [`set_dev_addr`](Self::set_dev_addr), and tells user space and the devices above.
    pub fn take_dev_addr(&self, addr: &MacAddress) {
        self.set_dev_addr(addr);
        self.set_perm_addr(addr);
        if self.registered() {
            // CAST: widens.
            let event = bindings::netdev_cmd_NETDEV_CHANGEADDR as c_ulong;
            // SAFETY: Valid by the type invariant, registered, and the RTNL is held.
            unsafe { bindings::call_netdevice_notifiers(event, self.as_raw()) };
        }
    }

    /// Tells user space that something about the device has changed that is not among its flags, as
    /// how its VFs are set up (`RTM_NEWLINK`).
    pub fn info_changed(&self) {
        if self.registered() {
            // CAST: widens.
            let event = bindings::netdev_cmd_NETDEV_CHANGEINFODATA as c_ulong;
            // SAFETY: Valid by the type invariant, registered, and the RTNL is held.
            unsafe { bindings::call_netdevice_notifiers(event, self.as_raw()) };
        }
    }

    /// Sets an address by chance and marks it as such.
    pub fn set_random_addr(&self) {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        unsafe { bindings::kapi_eth_hw_addr_random(self.as_raw()) };
    }

    /// Sets the permanent address. Registration does it by itself for an address that is not
    /// random.
    pub fn set_perm_addr(&self, addr: &MacAddress) {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        let perm_addr = unsafe { &mut (*self.as_raw()).perm_addr };
        for (to, from) in perm_addr.iter_mut().zip(addr) {
            *to = *from;
        }
    }

    /// Sets the features. To be called before registration, which adds what software gives.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] after registration.
    pub fn set_features_init(&self, set: FeatureSet) -> Result {
        self.uninitialized()?;
        let dev = self.as_raw();
        // SAFETY: Valid by the type invariant; the RTNL is held and nobody else knows the device.
        unsafe {
            (*dev).hw_features = set.hw_features.bits();
            (*dev).features = set.features.bits();
            (*dev).vlan_features = set.vlan_features.bits();
            (*dev).hw_enc_features = set.hw_enc_features.bits();
            (*dev).gso_partial_features = set.gso_partial.bits();
        }
        Ok(())
    }

    /// Has the core compute the features again, by `fix_features` and `set_features`. For a device
    /// whose abilities changed; nothing happens unless it is registered.
    pub fn update_features(&self) {
        if self.registered() {
            // SAFETY: Valid by the type invariant, registered, and the RTNL is held.
            unsafe { bindings::netdev_update_features(self.as_raw()) };
        }
    }

    /// Has the core call [`set_rx_mode`](super::Driver::set_rx_mode) now, if the device is open and
    /// present. What changed while it was [detached](Device::detach) the core does not say by
    /// itself. Nothing happens unless it is registered.
    pub fn update_rx_mode(&self) {
        if self.registered() {
            // SAFETY: Valid by the type invariant, registered, and the RTNL is held. The flags stay
            // what they are, so nobody is notified; the core sets the receive mode all the same.
            unsafe {
                let flags = bindings::netif_get_flags(self.as_raw());
                bindings::dev_change_flags(self.as_raw(), flags, core::ptr::null_mut());
            }
        }
    }

    /// The VLANs that the stack has on this device, those of 802.1ad as well: bit `vid % 32` of
    /// word `vid / 32`.
    pub fn vlans(&self) -> [u32; VLAN_WORDS] {
        let mut bits = [0; VLAN_WORDS];
        // SAFETY: Valid by the type invariant; the RTNL is held. `bits` has one bit for each VLAN.
        unsafe { bindings::kapi_vlan_bits(self.as_raw(), bits.as_mut_ptr()) };
        bits
    }

    /// Adds declarations. To be called before registration.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] after registration.
    pub fn set_priv_flags(&self, flags: PrivFlags) -> Result {
        self.uninitialized()?;
        // SAFETY: Valid by the type invariant; the RTNL is held and nobody else knows the device.
        // The union has the same flags in both of its members.
        let bits = unsafe { &mut (*self.as_raw()).__bindgen_anon_1.__bindgen_anon_1 };
        bits.set_priv_flags(bits.priv_flags() | u64::from(u32::from(flags)) as usize);
        Ok(())
    }

    /// Sets after how many milliseconds of a stopped queue without progress `tx_timeout` is called.
    pub fn set_watchdog_timeout(&self, ms: u32) {
        let jiffies = msecs_to_jiffies(ms);
        // SAFETY: Valid by the type invariant; the RTNL is held.
        unsafe { (*self.as_raw()).watchdog_timeo = c_int::try_from(jiffies).unwrap_or(c_int::MAX) };
    }

    /// Marks the device as absent and stops its queues: the core calls nothing but `stop` until
    /// [`attach`](Self::attach). For suspend and resets.
    pub fn detach(&self) {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        unsafe { bindings::netif_device_detach(self.as_raw()) };
    }

    /// Ends [`detach`](Self::detach) and wakes the queues if the device is open.
    pub fn attach(&self) {
        // SAFETY: Valid by the type invariant; the RTNL is held.
        unsafe { bindings::netif_device_attach(self.as_raw()) };
    }
}
