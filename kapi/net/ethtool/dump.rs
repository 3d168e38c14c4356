// SPDX-License-Identifier: GPL-2.0

//! Registers, self test and LEDs.

use crate::kapi::bindings;
use kernel::prelude::*;

/// Where dumped registers go.
pub struct RegsDump<'a> {
    places: core::slice::IterMut<'a, u32>,
}

impl<'a> RegsDump<'a> {
    pub(super) fn new(places: &'a mut [u32]) -> Self {
        Self {
            places: places.iter_mut(),
        }
    }

    /// Adds a register. What user space has no room for is dropped.
    pub fn push(&mut self, value: u32) {
        if let Some(place) = self.places.next() {
            *place = value;
        }
    }
}

/// A run of the self tests.
pub struct SelfTest<'a> {
    flags: &'a mut u32,
    results: &'a mut [u64],
}

impl<'a> SelfTest<'a> {
    pub(super) fn new(flags: &'a mut u32, results: &'a mut [u64]) -> Self {
        Self { flags, results }
    }

    /// Whether tests that disturb the traffic shall run.
    pub fn offline(&self) -> bool {
        *self.flags & bindings::ethtool_test_flags_ETH_TEST_FL_OFFLINE != 0
    }

    /// Sets the result of test `index`: 0 if it passed or was not run, else what the driver likes.
    /// Anything but 0 makes the run as a whole fail.
    pub fn set_result(&mut self, index: usize, result: u64) {
        if let Some(place) = self.results.get_mut(index) {
            *place = result;
        }
        if result != 0 {
            self.fail();
        }
    }

    /// Makes the run as a whole fail.
    pub fn fail(&mut self) {
        *self.flags |= bindings::ethtool_test_flags_ETH_TEST_FL_FAILED;
    }
}

/// What the LED shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdState {
    /// Back to normal.
    Inactive,
    /// Start to identify the port.
    Active,
    /// On.
    On,
    /// Off.
    Off,
}

impl IdState {
    pub(super) fn from_raw(raw: bindings::ethtool_phys_id_state) -> Result<Self> {
        match raw {
            bindings::ethtool_phys_id_state_ETHTOOL_ID_INACTIVE => Ok(Self::Inactive),
            bindings::ethtool_phys_id_state_ETHTOOL_ID_ACTIVE => Ok(Self::Active),
            bindings::ethtool_phys_id_state_ETHTOOL_ID_ON => Ok(Self::On),
            bindings::ethtool_phys_id_state_ETHTOOL_ID_OFF => Ok(Self::Off),
            _ => Err(EINVAL),
        }
    }
}
