// SPDX-License-Identifier: GPL-2.0

//! Why a request was not served as asked, in words for the operator.
//!
//! The text completes "DEVICE: VF n ...": it says what the VF did and what can be done about it.

use core::fmt;

use super::types::{
    MacAddr,
    VlanId, //
};
use super::vf_to_pf::Reject;

/// Why the driver could not carry out what was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No free filter slot in the device.
    NoSpace,
    /// The device is being reset.
    InReset,
    /// The device does not answer, or another error of the driver.
    Device,
}

/// What the operator may want to know about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not a valid message.
    Invalid(Reject),
    /// The VF has not completed its reset handshake.
    NotReady,
    /// The administrator has set the MAC address.
    MacLocked(MacAddr),
    /// Another function of the device uses the MAC address.
    MacInUse(MacAddr),
    /// The VF has as many MAC filters as it may have.
    FilterQuota(u8),
    /// The administrator has put the VF into a VLAN.
    PortVlan(VlanId),
    /// The VF may not join the VLAN.
    VlanDenied(VlanId),
    /// The VF is in as many VLANs as it may be.
    VlanQuota(u8),
    /// Promiscuous unicast mode is for trusted VFs.
    UnicastPromisc,
    /// Promiscuous multicast mode is for trusted VFs.
    MulticastPromisc,
    /// The multicast list does not fit, and the VF is not trusted to receive all. The request was
    /// granted for the addresses that fit.
    MulticastOverflow,
    /// The multicast list is as long as a base driver can make it: C igbvf does not say whether there
    /// are more addresses. The request was granted.
    MulticastFull,
    /// The VF has more multicast addresses than this, the most that it may name, and is not trusted
    /// to receive all. The request was granted if it holds no more.
    GroupQuota(u16),
    /// The driver failed.
    Failed(Failure),
    /// The VF holds the buffer and does not let go.
    BufferHeld,
    /// The VF asks more often than it may; its requests are served late.
    Flood,
}

impl Reason {
    /// Whether no driver in good order does that: a VF that goes on like that is to be shut out. What
    /// is not the VF's doing, or costs the PF nothing, does not count.
    pub const fn is_offence(&self) -> bool {
        !self.is_denial()
            && !matches!(
                self,
                Self::Failed(_)
                    | Self::MulticastOverflow
                    | Self::MulticastFull
                    | Self::GroupQuota(_)
                    | Self::Flood
            )
    }

    /// Whether a valid request was refused by policy. A guest in good order meets that with each
    /// address or VLAN that it is not given, and the C drivers ask for all of them again with each
    /// change, so it takes far more of these than of offences to be shut out.
    pub const fn is_denial(&self) -> bool {
        matches!(
            self,
            Self::MacLocked(_)
                | Self::MacInUse(_)
                | Self::FilterQuota(_)
                | Self::PortVlan(_)
                | Self::VlanDenied(_)
                | Self::VlanQuota(_)
                | Self::UnicastPromisc
                | Self::MulticastPromisc
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpace => {
                "all filter slots of the device are in use; remove addresses or VLANs elsewhere"
            }
            Self::InReset => "the PF is being reset; the VF will try again",
            Self::Device => "the device failed; see the messages before this one",
        })
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotARequest => f.write_str("rang without a request"),
            Self::UnknownOpcode(op) => write!(f, "sent a message of unknown type {op:#06x}"),
            Self::ReservedBits(word) => write!(f, "set reserved bits in word {word} of a message"),
            Self::BadInfo(info) => write!(f, "sent a message with bad information field {info:#x}"),
            Self::BadCount(count) => write!(f, "sent a bad multicast count {count:#x}"),
            Self::BadHash(hash) => write!(f, "sent a bad multicast hash {hash:#x}"),
            Self::BadMac(b) => write!(
                f,
                "asked for {:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}, which is no unicast MAC address",
                b[0], b[1], b[2], b[3], b[4], b[5]
            ),
            Self::BadVlan(vid) => write!(f, "asked for VLAN {vid}, which does not exist"),
            Self::BadFrameSize(size) => write!(f, "asked for frames of {size} bytes"),
            Self::BadVersion(word) => {
                write!(f, "asked for version {word:#010x}, which does not exist")
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Invalid(reject) => write!(f, "{reject}; update the driver in the guest"),
            Self::NotReady => {
                f.write_str("asked before it had reset itself; reload the driver in the guest")
            }
            Self::MacLocked(mac) => write!(
                f,
                "asked for MAC address {mac}, but the administrator has set another; \
                 'ip link set DEV vf N trust on' lets it choose"
            ),
            Self::MacInUse(mac) => write!(
                f,
                "asked for MAC address {mac}, which another function of this port uses; \
                 give it another with 'ip link set DEV vf N mac ADDRESS'"
            ),
            Self::FilterQuota(quota) => {
                write!(
                    f,
                    "asked for more than its {quota} additional MAC addresses; \
                     'ip link set DEV vf N trust on' lets one without trust have what is free"
                )
            }
            Self::PortVlan(vid) => write!(
                f,
                "asked for a VLAN, but the administrator has put it into VLAN {}; \
                 'ip link set DEV vf N vlan 0' lets it choose",
                vid.get()
            ),
            Self::VlanDenied(vid) => write!(f, "may not join VLAN {}", vid.get()),
            Self::VlanQuota(quota) => write!(
                f,
                "asked for more than its {quota} VLANs; \
                 with fewer VFs ('sriov_numvfs') each may have more"
            ),
            Self::UnicastPromisc => f.write_str(
                "asked for promiscuous mode; 'ip link set DEV vf N trust on' grants that, \
                 and with it what other functions receive",
            ),
            Self::MulticastPromisc => f.write_str(
                "asked for all multicast frames; 'ip link set DEV vf N trust on' grants that",
            ),
            Self::MulticastOverflow => f.write_str(
                "has more than 30 multicast addresses, the rest is not received; \
                 'ip link set DEV vf N trust on' gives it all multicast frames",
            ),
            Self::MulticastFull => f.write_str(
                "names 30 multicast addresses, the most that its driver can; more are not received: \
                 have rigbvf in the guest, or let 'ip link set DEV vf N trust on' give it all \
                 multicast frames",
            ),
            Self::GroupQuota(quota) => write!(
                f,
                "has more than {quota} multicast addresses, the rest is not received; \
                 'ip link set DEV vf N trust on' gives it all multicast frames"
            ),
            Self::Failed(failure) => write!(f, "was refused: {failure}"),
            Self::BufferHeld => {
                f.write_str("holds its mailbox and does not let go; reset the VF or its guest")
            }
            Self::Flood => {
                f.write_str("sends too many requests, they are served late; look at its guest")
            }
        }
    }
}
