// SPDX-License-Identifier: GPL-2.0

//! Why a request was refused, as the VF is told, and in words for the guest's log.
//!
//! A refusal says no more than the VF needs to know: neither who uses a MAC address nor which VLAN
//! the VF is in.

use core::fmt;

use super::reason::{
    Failure,
    Reason, //
};
use super::vf_to_pf::Reject;

/// Why a request was refused; after a request that was granted, what to know about it.
///
/// On the wire a code in word 1 and a detail in word 2 of the reply. Codes are never given a new
/// meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusal {
    /// The PF does not say. Code 0.
    #[default]
    Undisclosed,
    /// The message is not valid. Code 1.
    Invalid,
    /// The PF does not know the message, or it was not agreed on. Code 2.
    Unsupported,
    /// The administrator has set the MAC address. Code 3.
    MacLocked,
    /// Another function of the port uses the MAC address. Code 4.
    MacInUse,
    /// The VF has as many additional MAC addresses as it may have; how many that is. Code 5.
    FilterQuota(u32),
    /// The administrator has put the VF into a VLAN. Code 6.
    PortVlan,
    /// The VF may not join this VLAN. Code 7.
    VlanDenied,
    /// The VF is in as many VLANs as it may be; how many that is. Code 8.
    VlanQuota(u32),
    /// Promiscuous unicast mode is for trusted VFs. Code 9.
    UnicastPromisc,
    /// Promiscuous multicast mode is for trusted VFs. Code 10.
    MulticastPromisc,
    /// Granted for the addresses that fit: all multicast is for trusted VFs. Code 11.
    MulticastOverflow,
    /// The device has no room left. Code 12.
    NoSpace,
    /// Not now; after how many milliseconds to try again. Code 13.
    Busy(u32),
    /// The device failed. Code 14.
    Device,
    /// The VF may name no more multicast addresses than this, and is not trusted to receive all.
    /// Granted if the request holds no more. Code 15.
    GroupQuota(u32),
    /// A code that this side does not know, and its detail.
    Other(u32, u32),
}

/// When to ask again a PF that is being reset, in milliseconds.
const RESET_RETRY_MS: u32 = 100;

impl Refusal {
    /// The code and the detail.
    pub const fn to_words(self) -> (u32, u32) {
        match self {
            Self::Undisclosed => (0, 0),
            Self::Invalid => (1, 0),
            Self::Unsupported => (2, 0),
            Self::MacLocked => (3, 0),
            Self::MacInUse => (4, 0),
            Self::FilterQuota(quota) => (5, quota),
            Self::PortVlan => (6, 0),
            Self::VlanDenied => (7, 0),
            Self::VlanQuota(quota) => (8, quota),
            Self::UnicastPromisc => (9, 0),
            Self::MulticastPromisc => (10, 0),
            Self::MulticastOverflow => (11, 0),
            Self::NoSpace => (12, 0),
            Self::Busy(millis) => (13, millis),
            Self::Device => (14, 0),
            Self::GroupQuota(quota) => (15, quota),
            Self::Other(code, detail) => (code, detail),
        }
    }

    /// The refusal with this code and detail.
    pub const fn from_words(code: u32, detail: u32) -> Self {
        match code {
            0 => Self::Undisclosed,
            1 => Self::Invalid,
            2 => Self::Unsupported,
            3 => Self::MacLocked,
            4 => Self::MacInUse,
            5 => Self::FilterQuota(detail),
            6 => Self::PortVlan,
            7 => Self::VlanDenied,
            8 => Self::VlanQuota(detail),
            9 => Self::UnicastPromisc,
            10 => Self::MulticastPromisc,
            11 => Self::MulticastOverflow,
            12 => Self::NoSpace,
            13 => Self::Busy(detail),
            14 => Self::Device,
            15 => Self::GroupQuota(detail),
            _ => Self::Other(code, detail),
        }
    }

    /// Whether any other address would be refused as well, after this answer to
    /// [`AddFilter`](super::vf_to_pf::Request::AddFilter).
    pub const fn ends_filters(&self) -> bool {
        matches!(
            self,
            Self::MacLocked | Self::FilterQuota(_) | Self::NoSpace | Self::Unsupported
        )
    }

    /// Whether the same may be granted later without a decision of the administrator's.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::MacInUse | Self::NoSpace | Self::Busy(_) | Self::Device
        )
    }

    /// Whether there is nothing to tell.
    pub const fn is_undisclosed(&self) -> bool {
        matches!(self, Self::Undisclosed)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Invalid(Reject::UnknownOpcode(_)) => Self::Unsupported,
            Reason::Invalid(_) => Self::Invalid,
            Reason::MacLocked(_) => Self::MacLocked,
            Reason::MacInUse(_) => Self::MacInUse,
            Reason::FilterQuota(quota) => Self::FilterQuota(quota.into()),
            Reason::PortVlan(_) => Self::PortVlan,
            Reason::VlanDenied(_) => Self::VlanDenied,
            Reason::VlanQuota(quota) => Self::VlanQuota(quota.into()),
            Reason::UnicastPromisc => Self::UnicastPromisc,
            Reason::MulticastPromisc => Self::MulticastPromisc,
            Reason::MulticastOverflow => Self::MulticastOverflow,
            Reason::GroupQuota(quota) => Self::GroupQuota(quota.into()),
            Reason::Failed(Failure::NoSpace) => Self::NoSpace,
            Reason::Failed(Failure::InReset) => Self::Busy(RESET_RETRY_MS),
            Reason::Failed(Failure::Device) => Self::Device,
            Reason::NotReady | Reason::BufferHeld | Reason::Flood | Reason::MulticastFull => {
                Self::Undisclosed
            }
        }
    }
}

/// Completes "the PF refused ...: ". Speaks to who administers the guest, and of the host as of
/// somebody else's.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Undisclosed => f.write_str("it does not say why; see the log of the host"),
            Self::Invalid => f.write_str("it finds the request invalid; update the drivers"),
            Self::Unsupported => f.write_str("it does not know such requests; update its driver"),
            Self::MacLocked => f.write_str(
                "the host's administrator has set the address; \
                 'ip link set PF vf N trust on' on the host lets this side choose",
            ),
            Self::MacInUse => {
                f.write_str("another function of the port uses the address; choose another one")
            }
            Self::FilterQuota(quota) => write!(
                f,
                "this VF may have no more than {quota} additional MAC addresses; \
                 'ip link set PF vf N trust on' on the host lets one without trust have what is \
                 free"
            ),
            Self::PortVlan => f.write_str(
                "the host's administrator has put this VF into a VLAN; \
                 'ip link set PF vf N vlan 0' on the host lets this side choose",
            ),
            Self::VlanDenied => f.write_str("this VF may not join that VLAN"),
            Self::VlanQuota(quota) => {
                write!(f, "this VF may join no more than {quota} VLANs")
            }
            Self::UnicastPromisc => f.write_str(
                "promiscuous mode is for trusted VFs; \
                 'ip link set PF vf N trust on' on the host allows it",
            ),
            Self::MulticastPromisc => f.write_str(
                "all multicast frames are for trusted VFs; \
                 'ip link set PF vf N trust on' on the host allows it",
            ),
            Self::MulticastOverflow => f.write_str(
                "more than 30 multicast addresses take a trusted VF, the rest is not received; \
                 'ip link set PF vf N trust on' on the host allows it",
            ),
            Self::GroupQuota(quota) => write!(
                f,
                "more than {quota} multicast addresses take a trusted VF; \
                 'ip link set PF vf N trust on' on the host allows it"
            ),
            Self::NoSpace => f.write_str("the card has no room left for this"),
            Self::Busy(millis) => write!(f, "it is busy; try again in {millis} ms"),
            Self::Device => f.write_str("the card failed; see the log of the host"),
            Self::Other(code, _) => {
                write!(
                    f,
                    "reason {code}, which this driver does not know; update it"
                )
            }
        }
    }
}
