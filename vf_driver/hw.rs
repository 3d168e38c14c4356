// SPDX-License-Identifier: GPL-2.0

//! What the driver does with the registers of a VF: reset, queues, interrupts, link.
//!
//! Nothing here takes a lock or keeps state of the driver, but for the set of VLANs that the
//! receive path looks at. Who may call what when is the callers' affair.

use kernel::{
    io::{
        poll::read_poll_timeout,
        register::{
            Array,
            RegisterArray,
            RegisterArrayLoc, //
        },
        Io, //
    },
    pci,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::Delta, //
};

use crate::{
    datapath::{
        self,
        Direction,
        RingInfo,
        RxRingInfo, //
    },
    kapi,
    regs, //
};

/// Vector of the transmit queue.
///
/// Queue vectors are those of C igbvf, though one would do: QEMU's VTIVAR only ever adds bits, so
/// that a VF which changes hands between drivers that disagree interrupts somebody else.
pub(crate) const TX_VECTOR: u32 = 0;
/// Vector of the receive queue.
pub(crate) const RX_VECTOR: u32 = 1;
/// Vector of the mailbox. QEMU takes the number for a mask and raises vector 1 instead, where a
/// spurious poll does no harm; the service work looks at the mailbox by itself now and then.
pub(crate) const MAILBOX_VECTOR: u32 = 2;
/// Number of vectors.
pub(crate) const VECTORS: u32 = 3;

/// Both queues have one poll function, so their vectors are unmasked together.
const QUEUE_VECTORS: u32 = 1 << TX_VECTOR | 1 << RX_VECTOR;
const ALL_VECTORS: u32 = QUEUE_VECTORS | 1 << MAILBOX_VECTOR;

/// How long a queue may take to start.
const ENABLE_TIMEOUT: Delta = Delta::from_millis(10);
/// How long a queue may take to finish its accesses to memory.
const DISABLE_TIMEOUT: Delta = Delta::from_millis(50);
/// How often to look meanwhile.
const QUEUE_POLL: Delta = Delta::from_micros(100);
/// How long to leave the device alone after a reset of the VF.
const RESET_TIME: Delta = Delta::from_millis(1);

/// What STATUS says of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Mbit/s.
    pub(crate) speed: u32,
    /// Whether both ends may send at once.
    pub(crate) full_duplex: bool,
}

impl Link {
    /// A link that the host forces up: other VFs are reached without a cable.
    pub(crate) const WITHOUT_CABLE: Self = Self {
        speed: 1000,
        full_duplex: true,
    };
}

/// The registers of a VF.
pub(crate) struct Hw {
    bar: kapi::pci::Bar<{ regs::BAR_LEN }>,
    /// VLANs that the stack knows of, one bit each. A tag of another one is the host's.
    vlans: [Atomic<u64>; VLAN_WORDS],
}

/// Words of a bitmap with one bit for each VLAN.
pub(crate) const VLAN_WORDS: usize = 4096 / 64;

impl Hw {
    /// Maps the registers.
    ///
    /// # Errors
    ///
    /// What mapping BAR 0 says.
    pub(crate) fn map(pdev: &pci::Device<kernel::device::Bound>) -> Result<Self> {
        Ok(Self {
            bar: kapi::pci::Bar::map(pdev, 0, c"rigbvf")?,
            vlans: [const { Atomic::new(0) }; VLAN_WORDS],
        })
    }

    /// The registers, for those who read one that has no function here.
    pub(crate) fn io(&self) -> &kapi::pci::Bar<{ regs::BAR_LEN }> {
        &self.bar
    }

    /// Whether the device does not answer: unplugged, or in a reset of the bus.
    pub(crate) fn is_gone(&self) -> bool {
        self.bar.read(regs::STATUS).into_raw() == u32::MAX
    }

    /// The link, if it is up.
    pub(crate) fn link(&self) -> Option<Link> {
        let status = self.bar.read(regs::STATUS);
        if status.into_raw() == u32::MAX || !status.lu() {
            return None;
        }
        let speed = match status.speed().get() {
            0 => 10,
            1 => 100,
            _ => 1000,
        };
        Some(Link {
            speed,
            full_duplex: status.fd(),
        })
    }

    /// Resets queues and interrupts of this VF, and makes the PF forget it. Sleeps.
    pub(crate) fn reset(&self) {
        self.mask_interrupts();
        self.bar.write_reg(regs::CTRL::zeroed().with_rst(true));
        self.flush();
        kernel::time::delay::fsleep(RESET_TIME);
    }

    /// Makes sure that the writes before have reached the device.
    fn flush(&self) {
        self.bar.read(regs::STATUS);
    }

    /// Masks all vectors.
    pub(crate) fn mask_interrupts(&self) {
        self.bar
            .write_reg(regs::EIMC::zeroed().with_const_vectors::<ALL_VECTORS>());
        self.flush();
    }

    /// Routes and unmasks all vectors, forgetting what is pending. The throttling is in
    /// microseconds, see [`Self::set_throttle`].
    pub(crate) fn enable_interrupts(&self, rx_usecs: u16, tx_usecs: u16) {
        self.bar.write_reg(
            regs::VTIVAR::zeroed()
                .with_const_rx_vector::<RX_VECTOR>()
                .with_rx_valid(true)
                .with_const_tx_vector::<TX_VECTOR>()
                .with_tx_valid(true),
        );
        self.bar.write_reg(
            regs::VTIVAR_MISC::zeroed()
                .with_const_vector::<MAILBOX_VECTOR>()
                .with_valid(true),
        );
        self.set_throttle(Direction::Rx, rx_usecs);
        self.set_throttle(Direction::Tx, tx_usecs);
        self.set_vector_throttle(MAILBOX_VECTOR, 0);
        self.bar.read(regs::EICR);
        // A vector's cause is cleared and the vector is masked when its message is sent: nothing
        // has to be read or written before the poll is scheduled.
        self.bar
            .write_reg(regs::EIAC::zeroed().with_const_vectors::<ALL_VECTORS>());
        self.bar
            .write_reg(regs::EIAM::zeroed().with_const_vectors::<ALL_VECTORS>());
        self.bar
            .write_reg(regs::EIMS::zeroed().with_const_vectors::<ALL_VECTORS>());
    }

    /// Sets the least time between two interrupts of a direction's vector, in microseconds up to 8191.
    /// Longer ones are cut.
    pub(crate) fn set_throttle(&self, direction: Direction, usecs: u16) {
        let vector = match direction {
            Direction::Rx => RX_VECTOR,
            Direction::Tx => TX_VECTOR,
        };
        self.set_vector_throttle(vector, usecs);
    }

    fn set_vector_throttle(&self, vector: u32, usecs: u16) {
        let interval = u32::from(usecs.min(MAX_THROTTLE)) << regs::EITR::INTERVAL_SHIFT;
        let value = regs::EITR::from_raw(interval).with_cnt_ignr(true);
        // CAST: widens.
        if let Some(place) = regs::EITR::try_at(vector as usize) {
            self.bar.write(place, value);
        }
    }

    /// Unmasks the mailbox's vector, after its work is done.
    pub(crate) fn enable_mailbox_vector(&self) {
        const MAILBOX: u32 = 1 << MAILBOX_VECTOR;
        self.bar
            .write_reg(regs::EIMS::zeroed().with_const_vectors::<MAILBOX>());
    }

    /// Stops both queues and zeroes what an earlier driver of this VF may have left in them: a reset
    /// keeps head write-back, DCA and ring addresses (82576 specification update, software
    /// clarification 3), and a PF other than `rigb` may not have cleared them. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if a queue does not stop: only a reset is left then.
    fn empty_queues(&self) -> Result {
        use regs::both::*;

        const QUEUES: [usize; 2] = [0, 1];
        for queue in QUEUES {
            self.put::<RXDCTL>(queue, 0);
            self.put::<TXDCTL>(queue, 0);
        }
        let runs = |queue| {
            RXDCTL::try_at(queue).is_some_and(|place| self.bar.read(place).enable())
                || TXDCTL::try_at(queue).is_some_and(|place| self.bar.read(place).enable())
        };
        read_poll_timeout(
            || Ok(QUEUES.into_iter().any(runs)),
            |&running| !running,
            QUEUE_POLL,
            DISABLE_TIMEOUT,
        )?;
        for queue in QUEUES {
            // First what makes the card write to memory by itself.
            self.put::<TDWBAL>(queue, 0);
            self.put::<TDWBAH>(queue, 0);
            self.put::<DCA_TXCTRL>(queue, 0);
            self.put::<DCA_RXCTRL>(queue, 0);
            self.put::<SRRCTL>(queue, 0);
            self.put::<TDLEN>(queue, 0);
            self.put::<TDBAL>(queue, 0);
            self.put::<TDBAH>(queue, 0);
            self.put::<RDLEN>(queue, 0);
            self.put::<RDBAL>(queue, 0);
            self.put::<RDBAH>(queue, 0);
        }
        self.bar.write_reg(PSRTYPE::from_raw(0));
        Ok(())
    }

    /// Writes the register of queue `queue`, 0 or 1.
    fn put<T>(&self, queue: usize, value: u32)
    where
        T: RegisterArray<Storage = u32> + From<u32>,
        u32: From<T>,
    {
        if let Some(place) = RegisterArrayLoc::<T>::try_new(queue) {
            self.bar.write(place, T::from(value));
        }
    }

    /// Tells the hardware where the rings are and enables its queues. Both are disabled. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if a queue does not start, or an old one does not stop.
    pub(crate) fn enable_queues(&self, tx: RingInfo, rx: RxRingInfo) -> Result {
        self.empty_queues()?;
        let bar = &self.bar;
        // CAST: the address in two halves.
        bar.write_reg(regs::TDBAL::from_raw(tx.dma as u32));
        bar.write_reg(regs::TDBAH::from_raw((tx.dma >> 32) as u32));
        bar.write_reg(regs::TDLEN::from_raw(tx.bytes));
        bar.write_reg(regs::TDH::zeroed());
        bar.write_reg(regs::TDT::zeroed());
        bar.update(regs::TXCTL, |r| r.with_wb_ro_en(false));
        bar.write_reg(regs::TXDCTL::from_raw(datapath::txdctl(true)));

        bar.write_reg(regs::RDBAL::from_raw(rx.ring.dma as u32));
        bar.write_reg(regs::RDBAH::from_raw((rx.ring.dma >> 32) as u32));
        bar.write_reg(regs::RDLEN::from_raw(rx.ring.bytes));
        bar.write_reg(regs::RDH::zeroed());
        bar.write_reg(regs::RDT::zeroed());
        // The port has other queues, and no VF may hold up their frames.
        let srrctl = datapath::srrctl(rx.buffer_kb, true);
        bar.write_reg(regs::SRRCTL::from_raw(srrctl));
        bar.write_reg(regs::RXDCTL::from_raw(datapath::rxdctl(true)));

        // A tail that is written to a queue which has not started is lost.
        read_poll_timeout(
            || Ok(bar.read(regs::RXDCTL).enable() && bar.read(regs::TXDCTL).enable()),
            |&enabled| enabled,
            QUEUE_POLL,
            ENABLE_TIMEOUT,
        )?;
        Ok(())
    }

    /// Whether the card still has to send something.
    pub(crate) fn has_unsent(&self) -> bool {
        self.bar.read(regs::TDH).into_raw() != self.bar.read(regs::TDT).into_raw()
    }

    /// Disables the queues and waits until the hardware has let go of all memory. Sleeps.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if it does not: only a reset is left then.
    pub(crate) fn disable_queues(&self) -> Result {
        let bar = &self.bar;
        // Reception first: what is received could make somebody send.
        bar.write_reg(regs::RXDCTL::from_raw(datapath::rxdctl(false)));
        bar.write_reg(regs::TXDCTL::from_raw(datapath::txdctl(false)));
        read_poll_timeout(
            || Ok(bar.read(regs::RXDCTL).enable() || bar.read(regs::TXDCTL).enable()),
            |&enabled| !enabled,
            QUEUE_POLL,
            DISABLE_TIMEOUT,
        )?;
        Ok(())
    }

    /// Says whether frames of VLAN `vid` are for the stack.
    pub(crate) fn set_vlan(&self, vid: u16, on: bool) {
        let Some(word) = self.vlans.get(usize::from(vid / 64)) else {
            return;
        };
        let bit = 1 << (vid % 64);
        let old = word.load(Relaxed);
        // All writers hold the RTNL.
        word.store(if on { old | bit } else { old & !bit }, Relaxed);
    }
}

/// The longest throttling interval in microseconds.
pub(crate) const MAX_THROTTLE: u16 = 8191;

impl datapath::Hw for Hw {
    const TX_VECTOR: bool = true;

    #[inline]
    fn set_tx_tail(&self, _queue: u16, tail: u32) {
        self.bar.write_reg(regs::TDT::from_raw(tail));
    }

    #[inline]
    fn set_rx_tail(&self, _queue: u16, tail: u32) {
        self.bar.write_reg(regs::RDT::from_raw(tail));
    }

    #[inline]
    fn enable_vector(&self, _vector: u16) {
        self.bar
            .write_reg(regs::EIMS::zeroed().with_const_vectors::<QUEUE_VECTORS>());
    }

    fn set_interval(&self, _vector: u16, direction: Direction, usecs: u16) {
        self.set_throttle(direction, usecs);
    }

    #[inline]
    fn shows_vlan(&self, tci: u16) -> bool {
        let vid = tci & 0xfff;
        self.vlans
            .get(usize::from(vid / 64))
            .is_some_and(|word| word.load(Relaxed) & (1 << (vid % 64)) != 0)
    }
}
