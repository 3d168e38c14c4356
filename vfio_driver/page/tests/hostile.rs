// SPDX-License-Identifier: GPL-2.0

//! Guests that do anything at all, while the PF does what a PF does.

use proptest::prelude::*;
use rigb_vfio_page::{
    mbox::{
        port::{
            P2vMailbox,
            V2pMailbox, //
        },
        wire::Words, //
    },
    page::{
        Page,
        Reading,
        Writing, //
    },
};

#[derive(Clone, Debug)]
enum Step {
    Read(usize, usize),
    Write(usize, usize, u32),
    FunctionReset,
    PfTakes,
    PfOwns,
    PfSays(u32, u32),
    PfReset(bool),
    Link(u32),
}

/// Mostly where something is, at times anywhere.
fn offset() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0x800usize..0x848,
        4 => Just(0xc40usize),
        1 => 0xc3eusize..0xc48,
        1 => 0usize..16,
        2 => 0usize..0x1010,
        1 => any::<usize>(),
    ]
}

fn width() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(4usize), 3 => 0usize..10, 1 => any::<usize>()]
}

fn value() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..256, any::<u32>()]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (offset(), width()).prop_map(|(offset, width)| Step::Read(offset, width)),
        9 => (offset(), width(), value()).prop_map(|(o, w, v)| Step::Write(o, w, v)),
        1 => Just(Step::FunctionReset),
        2 => Just(Step::PfTakes),
        1 => Just(Step::PfOwns),
        3 => (any::<u32>(), 0u32..32).prop_map(|(word, bits)| Step::PfSays(word, bits)),
        1 => any::<bool>().prop_map(Step::PfReset),
        1 => any::<u32>().prop_map(Step::Link),
    ]
}

/// What must hold whatever the guest did.
#[derive(Default)]
struct Watch {
    page: Page,
    /// The buffer as it was when the last request rang, until a reset.
    rang: Option<Words>,
    refused: u64,
    traps: u64,
}

impl Watch {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read(offset, width) => self.read(offset, width),
            Step::Write(offset, width, value) => self.write(offset, width, value),
            Step::FunctionReset => {
                self.page.function_reset();
                self.rang = None;
            }
            Step::PfTakes => self.take(),
            Step::PfOwns => {
                // The PF is never kept waiting.
                self.page.mailbox_mut().set_control(P2vMailbox::PFU);
                assert!(self.page.mailbox().control().has(P2vMailbox::PFU));
            }
            Step::PfSays(word, bits) => {
                self.page.mailbox_mut().write(&[word]);
                self.page
                    .mailbox_mut()
                    .set_control(P2vMailbox::from_raw(bits));
            }
            Step::PfReset(true) => {
                self.page.mailbox_mut().pf_reset_begin();
                self.rang = None;
            }
            Step::PfReset(false) => self.page.mailbox_mut().pf_reset_end(),
            Step::Link(link) => self.page.set_link(link),
        }
    }

    fn read(&mut self, offset: usize, width: usize) {
        self.traps += 1;
        match self.page.read(offset, width) {
            Reading::Value(value) => {
                if width < 4 {
                    assert_eq!(value >> (8 * width), 0, "more than was read");
                }
            }
            Reading::Device(read) => {
                let register = usize::from(read.register());
                assert!([0x8, 0xf0c].contains(&register) || (0xf10..=0xf50).contains(&register));
                assert_eq!(register, offset & !3);
            }
        }
        if offset == 0xc40 && width == 4 {
            assert!(!self.page.mailbox().status().has(V2pMailbox::READ_TO_CLEAR));
        }
        self.check_refusals(offset, width);
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        self.traps += 1;
        let before = self.page.buffer();
        match self.page.write(offset, width, value) {
            Writing::Ring => {
                assert_eq!((offset, width), (0xc40, 4));
                if value & 1 != 0 {
                    self.rang = Some(before);
                }
            }
            Writing::Reset { register, value } => {
                assert!(offset <= 4 && usize::from(register) == offset);
                assert_eq!(value, 1 << 26);
                self.rang = None;
            }
            Writing::Device { register, .. } => assert_eq!(register, 0xf0c),
            Writing::Signal => assert_eq!((offset, width), (0xc40, 4)),
            Writing::Done => {}
        }
        self.check_refusals(offset, width);
    }

    fn take(&mut self) {
        let events = self.page.mailbox_mut().take_events();
        assert!(!events.function_reset);
        assert_eq!(events.request, self.rang.is_some());
        if let Some(words) = self.rang.take() {
            assert_eq!(self.page.mailbox().read(), words);
        }
    }

    fn check_refusals(&mut self, offset: usize, width: usize) {
        let counters = *self.page.counters();
        assert_eq!(counters.traps, self.traps);
        let sound = [1, 2, 4].contains(&width) && offset % width == 0 && offset < 0x1000;
        assert!(sound || counters.refused == self.refused + 1);
        self.refused = counters.refused;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_breaks(steps in prop::collection::vec(step(), 0..200)) {
        let mut watch = Watch::default();
        for step in &steps {
            watch.step(step);
        }
        // And a guest in good order is served after all that.
        let page = &mut watch.page;
        page.mailbox_mut().pf_reset_begin();
        page.mailbox_mut().pf_reset_end();
        page.write(0, 4, 1 << 26);
        page.write(0xc40, 4, V2pMailbox::VFU.raw());
        prop_assert!(page.mailbox().status().has(V2pMailbox::VFU));
        page.write(0x800, 4, 1);
        page.write(0xc40, 4, V2pMailbox::REQ.raw());
        prop_assert!(page.mailbox_mut().take_events().request);
        prop_assert_eq!(page.mailbox().read()[0], 1);
        page.mailbox_mut().write(&[0x8000_0001, 7]);
        prop_assert!(page.mailbox_mut().set_control(P2vMailbox::STS));
        prop_assert!(page.mailbox().status().has(V2pMailbox::PFSTS));
        prop_assert_eq!(page.read(0x804, 4), Reading::Value(7));
    }
}
