// SPDX-License-Identifier: GPL-2.0

//! What outlives `open` and `stop`: the entrance of the transmit path, and the statistics.

use kernel::{
    device,
    prelude::*,
    sync::Arc, //
};

use super::{
    moderation::{
        Coalescing,
        Moderation, //
    },
    offload::{
        fits,
        Fit, //
    },
    queue_ctl::RX_BUFFER_BYTES,
    running::Running,
    stats::{
        QueueCounters,
        QueueStats, //
    },
    tx::{
        Beside,
        TxProducer, //
    },
    xsk_pool::PoolPlace,
    Config,
    Hw, //
};
use crate::kapi::net::{
    rx::ETH_HLEN,
    stats::Stats64,
    xdp::{
        Metadata,
        Program,
        ProgramSlot,
        XdpFrames, //
    },
    Device,
    DropReason,
    Extack,
    FeatureSet,
    Features,
    SkBuff,
    Softirq,
    TxVerdict,
    XmitCell,
    XmitQueue, //
};

/// The permanent part of a queue pair.
pub(super) struct Queue<H: Hw> {
    /// The transmit ring's producer; nothing while the interface is down.
    pub(super) producer: XmitCell<Option<TxProducer<H>>>,
    pub(super) counters: Arc<QueueCounters>,
    /// The buffers of its sockets of AF_XDP.
    pub(super) pool: Arc<PoolPlace>,
}

/// The largest MTU with a program of XDP that works on frames of one buffer only: what is left of that for
/// frames with two tags, and an FCS.
pub const XDP_MAX_MTU: u32 = RX_BUFFER_BYTES - LONGEST_OVERHEAD;

/// What programs of XDP can ask of a received frame. (There are no receive time stamps.)
pub const XDP_METADATA: Metadata = Metadata::HASH.union(Metadata::VLAN_TAG);

/// Bytes of the longest frame beside those that the MTU counts: header, two tags, FCS.
pub(super) const LONGEST_OVERHEAD: u32 = ETH_HLEN + 2 * 4 + 4;

/// The data path of a network device, up or down.
pub struct Datapath<H: Hw> {
    pub(super) dev: Arc<Device>,
    pub(super) queues: Arc<KVec<Queue<H>>>,
    program: Arc<ProgramSlot>,
    moderation: Arc<Moderation>,
}

impl<H: Hw> Datapath<H> {
    /// A data path of at most `max_queues` queue pairs for `dev`, which has so many queues. `rx` and `tx`
    /// say how often they interrupt; without [`Hw::TX_VECTOR`] the first is for both.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `dev` has fewer transmit queues, [`ENOMEM`].
    pub fn new(dev: Arc<Device>, max_queues: u16, rx: Coalescing, tx: Coalescing) -> Result<Self> {
        let mut queues = KVec::with_capacity(usize::from(max_queues), GFP_KERNEL)?;
        for index in 0..max_queues {
            let queue = Queue {
                producer: XmitCell::new(&dev, u32::from(index), None)?,
                counters: Arc::new(QueueCounters::new(), GFP_KERNEL)?,
                pool: PoolPlace::new()?,
            };
            queues.push(queue, GFP_KERNEL)?;
        }
        Ok(Self {
            dev,
            queues: Arc::new(queues, GFP_KERNEL)?,
            program: Arc::new(ProgramSlot::default(), GFP_KERNEL)?,
            moderation: Moderation::new(rx, tx)?,
        })
    }

    /// How often vectors interrupt.
    pub fn moderation(&self) -> &Moderation {
        &self.moderation
    }

    /// Has received frames shown to another program, or to none, and returns the old one. Rings that were
    /// opened without [`Config::xdp`] do not look at it.
    pub fn set_program(&self, program: Option<Program>) -> Option<Program> {
        self.program.replace(program)
    }

    /// Makes rings and buffers for `cfg`; nothing runs yet. Process context.
    ///
    /// `parent` is the device that does the DMA.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for a configuration that is out of range, [`ENOMEM`].
    pub fn open(
        &self,
        parent: &device::Device<device::Bound>,
        hw: Arc<H>,
        cfg: &Config,
    ) -> Result<Running<H>> {
        let (program, moderation) = (&self.program, &self.moderation);
        Running::new(
            &self.dev,
            &self.queues,
            parent,
            &hw,
            moderation,
            program,
            cfg,
        )
    }

    /// The largest MTU, of `max` at most, with the program and the sockets of AF_XDP that there are.
    pub fn max_mtu(&self, max: u32) -> u32 {
        let max = self.pools_max_mtu(max);
        if self.program.needs_one_buffer() {
            max.min(XDP_MAX_MTU)
        } else {
            max
        }
    }

    /// Sends a frame: the whole of `ndo_start_xmit`.
    #[inline]
    pub fn xmit(&self, skb: SkBuff, queue: &mut XmitQueue<'_>) -> TxVerdict {
        let Some(pair) = self.queues.get(usize::from(queue.index())) else {
            skb.drop_with(DropReason::DevReady);
            return TxVerdict::Ok;
        };
        let sent = pair.producer.with(queue, |producer, queue| match producer {
            Some(producer) => producer.xmit(skb, queue),
            None => {
                pair.counters.xmit.dropped.add(1);
                skb.drop_with(DropReason::DevReady);
                TxVerdict::Ok
            }
        });
        sent.unwrap_or(TxVerdict::Ok)
    }

    /// Sends frames that were redirected to this device: the whole of `ndo_xdp_xmit`. Each processor has
    /// a queue that it takes, which is shared with the stack and maybe with others.
    pub fn xdp_xmit(&self, frames: &mut XdpFrames<'_>, softirq: &mut Softirq<'_>) {
        let queues = self.dev.real_num_tx_queues().max(1);
        // CAST: Widens.
        let Some(pair) = self.queues.get((softirq.cpu() % queues) as usize) else {
            return;
        };
        pair.producer.lock(softirq, |producer, queue| {
            if let (Some(producer), true) = (producer, self.dev.carrier_ok()) {
                if let Some(mut beside) = Beside::new(producer, queue) {
                    frames.send(|frame| beside.foreign(frame));
                }
            }
            // CAST: Widens.
            pair.counters.xmit.xdp_dropped.add(frames.left() as u64);
        });
    }

    /// Takes away the offloads that this frame's headers do not fit: `ndo_features_check`.
    #[inline]
    pub fn features_check(&self, skb: &SkBuff, features: Features) -> Features {
        let headers = skb.tx_headers();
        let ip_len = headers.l4_offset.saturating_sub(headers.l3_offset);
        let mut features = match fits(headers.l3_offset, ip_len) {
            Fit::All => features,
            Fit::VlanOnly => features - BY_CONTEXT,
            Fit::Nothing => features - BY_CONTEXT - Features::HW_VLAN_CTAG_TX,
        };
        // Segments of a tunnel's inner frame all get the same inner IPv4 id.
        if headers.encapsulated && !features.contains(Features::TSO_MANGLEID) {
            features = features - Features::TSO;
        }
        features
    }

    /// Adds all queue pairs, those that are not in use too, to the device's statistics.
    pub fn stats64(&self, total: &mut Stats64) {
        for queue in self.queues.iter() {
            queue.counters.snapshot().add_to(total);
        }
    }

    /// The statistics of queue pair `index`; zeros for one that does not exist.
    pub fn queue_stats(&self, index: u16) -> QueueStats {
        self.queues
            .get(usize::from(index))
            .map(|queue| queue.counters.snapshot())
            .unwrap_or_default()
    }
}

/// Refuses a program of XDP that sees frames of one buffer only with an MTU that is too large for it.
///
/// # Errors
///
/// [`EINVAL`], and says why.
pub fn check_program_mtu(
    dev: &Device,
    program: Option<&Program>,
    extack: &mut Extack<'_>,
) -> Result {
    // The message is a string of C, so it names a number.
    const _: () = assert!(XDP_MAX_MTU == 3046);
    let one_buffer = program.is_some_and(|program| !program.sees_frags());
    if one_buffer && dev.mtu() > XDP_MAX_MTU {
        let why = c"a program without frags sees frames of one buffer: the MTU can be 3046 at most";
        return Err(extack.fail(EINVAL, why));
    }
    Ok(())
}

/// What a context descriptor is needed for, besides tag insertion.
const BY_CONTEXT: Features = Features::HW_CSUM
    .union(Features::SCTP_CRC)
    .union(Features::GSO_UDP_L4)
    .union(Features::TSO)
    .union(Features::TSO6);

/// Tunnels whose inner TCP frames the hardware segments, once the stack has prepared the outside.
const TUNNELS: Features = Features::GSO_GRE
    .union(Features::GSO_GRE_CSUM)
    .union(Features::GSO_IPXIP4)
    .union(Features::GSO_IPXIP6)
    .union(Features::GSO_UDP_TUNNEL)
    .union(Features::GSO_UDP_TUNNEL_CSUM);

/// The offloads of the data path. VLAN filtering and whatever else the driver's own registers do
/// comes on top.
pub const fn feature_set() -> FeatureSet {
    let payload = BY_CONTEXT
        .union(Features::SG)
        .union(Features::GSO_PARTIAL)
        .union(TUNNELS);
    let receive = Features::RXCSUM.union(Features::RXHASH);
    let switchable = payload
        .union(receive)
        .union(Features::HW_VLAN_CTAG_RX)
        .union(Features::HW_VLAN_CTAG_TX);
    let below = payload.union(Features::HIGHDMA);
    FeatureSet {
        hw_features: switchable,
        features: switchable.union(Features::HIGHDMA),
        vlan_features: below.union(Features::TSO_MANGLEID),
        hw_enc_features: below.union(Features::TSO_MANGLEID),
        gso_partial: TUNNELS,
    }
}
