// SPDX-License-Identifier: GPL-2.0

//! The names of statistics and tests, and the values of statistics.
//!
//! C asks for the number of names, allocates, and then has the names written without saying how
//! many fit. Here one function gives the names; it is run once to count and once to write, and what
//! was counted last is remembered and bounds what is written. All that is under the RTNL.

use crate::kapi::bindings;
use kernel::{
    fmt,
    prelude::*, //
};

use super::params::format_into;

const LEN: usize = bindings::ETH_GSTRING_LEN as usize;

/// A name, terminated unless it fills the place.
pub(super) type Place = [c_char; LEN];

/// The sets of strings a driver may have, numbered by where their length is remembered.
#[derive(Clone, Copy)]
pub(super) enum StringSet {
    Stats = 0,
    Test = 1,
}

impl StringSet {
    pub(super) fn from_raw(raw: u32) -> Option<Self> {
        match raw {
            bindings::ethtool_stringset_ETH_SS_STATS => Some(Self::Stats),
            bindings::ethtool_stringset_ETH_SS_TEST => Some(Self::Test),
            _ => None,
        }
    }
}

/// Where names go. Names beyond what was counted are dropped.
pub struct Strings<'a> {
    places: &'a mut [Place],
    count: usize,
}

impl<'a> Strings<'a> {
    /// With no place it only counts.
    pub(super) fn new(places: &'a mut [Place]) -> Self {
        Self { places, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds a name; 31 bytes are kept. By custom a queue's come as `rx_queue_0_packets`.
    pub fn push(&mut self, name: fmt::Arguments<'_>) {
        if let Some(place) = self.places.get_mut(self.count) {
            format_into(place, name);
        }
        self.count += 1;
    }
}

/// Where the values of statistics go, in the order of their names.
pub struct StatValues<'a> {
    places: core::slice::IterMut<'a, u64>,
}

impl<'a> StatValues<'a> {
    pub(super) fn new(places: &'a mut [u64]) -> Self {
        Self {
            places: places.iter_mut(),
        }
    }

    /// Adds a value. Values beyond the number of names are dropped.
    pub fn push(&mut self, value: u64) {
        if let Some(place) = self.places.next() {
            *place = value;
        }
    }
}
