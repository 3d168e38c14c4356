// SPDX-License-Identifier: GPL-2.0

//! What a VF brings along from another host.

use mbox::event::Event;
use mbox::pf::Policy;
use mbox::pf_state::VfConfig;
use mbox::snapshot::{
    Snapshot,
    VERSION, //
};
use mbox::types::{
    HashSet,
    MacAddr,
    VlanId, //
};
use mbox::wire::{
    Header,
    Words,
    MAILBOX_WORDS, //
};

use super::super::common::{
    mac,
    vlan, //
};
use super::{
    config,
    Script, //
};

/// A port where another function has an address, and a VLAN is not for this VF.
struct Others;

impl Policy for Others {
    fn mac_in_use(&self, address: MacAddr) -> bool {
        address == mac(7)
    }

    fn may_join_vlan(&self, vid: VlanId) -> bool {
        vid != vlan(66)
    }

    fn groups(&self) -> &HashSet {
        &HashSet::EMPTY
    }
}

/// Any bytes, and bytes of the right form: what is taken is written to the same bytes again, and what is
/// granted is within a VF's rights.
pub fn snapshot(data: &[u8]) {
    examine(data, &VfConfig::default());
    let mut script = Script(data);
    let config = config(script.byte());
    examine(&formed(&mut script), &config);
}

fn examine(bytes: &[u8], config: &VfConfig) {
    let Ok(snapshot) = Snapshot::decode(bytes) else {
        return;
    };
    assert_eq!(snapshot.encode().as_slice(), bytes);
    let address = snapshot.mac(config, &Others);
    let Ok(granted) = snapshot.grant(config, &Others) else {
        return;
    };
    assert_eq!(
        address,
        Ok(granted.mac()),
        "no other guest for its neighbours"
    );
    let locked = config.mac_locked && !config.trusted;
    assert!(!locked || granted.mac() == config.mac);
    assert!(!locked || granted.filters().next().is_none());
    assert!(granted.filters().count() <= usize::from(config.filter_quota));
    assert!(granted.vlans().count() <= usize::from(config.vlan_quota));
    assert!(granted.filters().all(|address| !Others.mac_in_use(address)));
    assert!(granted.mac() == config.mac || granted.mac() != Some(mac(7)));
    assert!(granted.vlans().all(|vid| Others.may_join_vlan(vid)));
    assert!(!granted.promiscuous(false));
}

/// A snapshot by the table in [`mbox::snapshot`], with lists in order and numbers that are mostly in range;
/// then some bytes are changed.
fn formed(script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = b"RGVF".to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 2]);
    // Without the first one, "clear to send", there are no others, nor lists.
    bytes.extend(u32::from(script.byte() & 0x7f | 1).to_le_bytes());
    bytes.extend(u32::from(script.byte() & 0xf).to_le_bytes());
    let mut told: Words = [0; MAILBOX_WORDS];
    told.fill_with(|| script.word());
    let told = Event::decode(&told).encode(Header::from_raw(0));
    let words = told.words().iter().skip(1);
    bytes.extend(words.flat_map(|word| word.to_le_bytes()));
    bytes.extend(mac(script.byte() & 7).bytes());
    bytes.extend((64 + u16::from(script.byte()) * 40).to_le_bytes());
    let [filters, vlans, groups] = [script.byte() & 7, script.byte() & 7, script.byte() & 31];
    bytes.extend([filters, vlans, groups, 0]);
    let mut last = 0;
    for _ in 0..filters {
        last += 1 + (script.byte() & 3);
        bytes.extend(mac(last).bytes());
    }
    let mut last: u16 = 0;
    for _ in 0..vlans {
        last += 1 + u16::from(script.byte());
        bytes.extend(last.to_le_bytes());
    }
    let mut last: u16 = 0;
    for _ in 0..groups {
        last += 1 + u16::from(script.byte() & 127);
        bytes.extend(last.to_le_bytes());
    }
    let len = u16::try_from(bytes.len()).expect("short").to_le_bytes();
    bytes[6..8].copy_from_slice(&len);
    for _ in 0..script.byte() & 3 {
        let at = usize::from(script.byte()) % bytes.len();
        bytes[at] ^= script.byte();
    }
    bytes
}
