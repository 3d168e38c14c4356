// SPDX-License-Identifier: GPL-2.0

//! `ethtool -d`: the registers of the port.
//!
//! Left out is all whose reading does something: interrupt causes, statistics and WVBR, which are
//! cleared, P2VMAILBOX, whose bits tell the mailbox what is new, SWSM, which is taken by reading,
//! and PCS_LSTS with its latched bits. So are the buffers of mailboxes, which are the guests', and
//! the key of the flow hash, which `ethtool -x` shows. `Documentation/register-dump.rst` lists the
//! words; who changes the list raises [`VERSION`].

use kernel::io::{
    register::RegisterArray,
    Io, //
};

use crate::{
    hw::get,
    kapi::net::ethtool::RegsDump,
    regs::{
        filter::*,
        general::*,
        iov::*,
        irq::*,
        queue::*,
        Bar0, //
    }, //
};

/// Version of the layout.
pub(super) const VERSION: u32 = 1;

/// Declares the layout: registers, then all elements of arrays, in this order.
macro_rules! layout {
    ([$($single:ident,)*], [$($array:ident,)*]) => {
        /// Words of a dump.
        pub(super) const WORDS: usize =
            [$(stringify!($single)),*].len() $(+ <$array as RegisterArray>::SIZE)*;

        /// Reads all. The RTNL is held, so the port is in no reset: it must not be touched in one.
        pub(super) fn dump(bar: &Bar0, out: &mut RegsDump<'_>) {
            $(out.push(bar.read($single).into_raw());)*
            $(
                for index in 0..<$array as RegisterArray>::SIZE {
                    out.push(get::<$array>(bar, index));
                }
            )*
        }
    };
}

#[rustfmt::skip]
layout!(
    [
        CTRL, STATUS, CTRL_EXT, EECD, MDIC, FCAL, FCAH, FCT,
        VET, FCTTV, FCRTL, FCRTH, FCRTV, RXPBS, LEDCTL, SW_FW_SYNC,
        PCS_CFG, PCS_LCTL, PCS_ANADV, PCS_LPAB, WUC, WUFC, GCR, IMS,
        GPIE, EIMS, EIAC, EIAM, IVAR_MISC, RCTL, RXCSUM, RLPML,
        RFCTL, MRQC, TCTL, DTXCTL, QDE, VT_CTL, VFRE, VFTE,
        DTXSWC, RPLOLR, MBVFIMR, VFLRE,
    ],
    [
        EITR, IVAR, RAL, RAH, RAL2, RAH2, VMOLR, VMVIR,
        VLVF, RETA, MTA, VFTA,
        RDBAL, RDBAH, RDLEN, RDH, RDT, SRRCTL, RXDCTL,
        TDBAL, TDBAH, TDLEN, TDH, TDT, TXDCTL,
    ]
);
