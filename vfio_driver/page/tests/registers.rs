// SPDX-License-Identifier: GPL-2.0

//! Each register, read and written as guests' drivers do, and as they do not.

use rigb_vfio_page::{
    mbox::port::{
        P2vMailbox,
        PfEvents,
        V2pMailbox, //
    },
    page::{
        Page,
        Reading,
        Writing, //
    }, //
};

const VMBMEM: usize = 0x800;
const V2P: usize = 0xc40;
const RST: u32 = 1 << 26;

fn read(page: &mut Page, offset: usize) -> u32 {
    match page.read(offset, 4) {
        Reading::Value(value) => value,
        Reading::Device(read) => panic!("{offset:#x} is read from {:#x}", read.register()),
    }
}

fn device(page: &mut Page, offset: usize, width: usize, raw: u32) -> u32 {
    match page.read(offset, width) {
        Reading::Device(read) => read.finish(raw),
        Reading::Value(value) => panic!("{offset:#x} is {value:#x} at once"),
    }
}

#[test]
fn every_offset_is_what_the_table_says() {
    let mut page = Page::new();
    for offset in (0..0x1000).step_by(4) {
        let before = page.counters().refused;
        let reading = page.read(offset, 4);
        let refused = page.counters().refused != before;
        match offset {
            0x0 | 0x4 | V2P | 0x800..=0x83c => {
                assert_eq!(reading, Reading::Value(0), "{offset:#x}");
                assert!(!refused, "{offset:#x}");
            }
            0x8 | 0xf0c | 0xf10 | 0xf14 | 0xf18 | 0xf34 | 0xf3c | 0xf40 | 0xf44 | 0xf48 | 0xf50 => {
                let Reading::Device(read) = reading else {
                    panic!("{offset:#x} is not read from the device");
                };
                assert_eq!(usize::from(read.register()), offset);
            }
            _ => {
                assert_eq!(reading, Reading::Value(0), "{offset:#x}");
                assert!(refused, "{offset:#x}");
            }
        }
    }
}

#[test]
fn every_offset_is_written_as_the_table_says() {
    for offset in (0..0x1000).step_by(4) {
        let mut page = Page::new();
        let writing = page.write(offset, 4, u32::MAX);
        let register = u16::try_from(offset).unwrap_or(0);
        let expected = match offset {
            0x0 | 0x4 => Writing::Reset {
                register,
                value: RST,
            },
            0xf0c => Writing::Device {
                register,
                value: u32::MAX,
            },
            V2P => Writing::Ring,
            _ => Writing::Done,
        };
        assert_eq!(writing, expected, "{offset:#x}");
        let kept = matches!(offset, 0x0 | 0x4 | V2P | 0xf0c | 0x800..=0x83c);
        assert_eq!(page.counters().refused, u64::from(!kept), "{offset:#x}");
    }
}

#[test]
fn status_shows_the_link_that_the_pf_says() {
    let mut page = Page::new();
    // Full duplex, link up, 1000 Mbit/s, and a bit that is none of it.
    let card = 0x0008_0083;
    assert_eq!(device(&mut page, 8, 4, card), 0x0008_0000);
    page.set_link(0x83 | 0xffff_0000);
    assert_eq!(device(&mut page, 8, 4, 0x0008_0000), 0x0008_0083);
    assert_eq!(device(&mut page, 8, 1, card), 0x83);
    assert_eq!(device(&mut page, 10, 2, card), 8);
    // No speed without a link.
    page.set_link(0x81);
    assert_eq!(device(&mut page, 8, 4, card), 0x0008_0001);
}

#[test]
fn buffer_takes_bytes() {
    let mut page = Page::new();
    assert_eq!(page.write(VMBMEM, 4, 0x1122_3344), Writing::Done);
    assert_eq!(page.write(VMBMEM + 1, 1, 0xffff_ff99), Writing::Done);
    assert_eq!(page.write(VMBMEM + 2, 2, 0xaabb), Writing::Done);
    assert_eq!(read(&mut page, VMBMEM), 0xaabb_9944);
    assert_eq!(page.read(VMBMEM + 3, 1), Reading::Value(0xaa));
    assert_eq!(page.write(VMBMEM + 0x3c, 4, 7), Writing::Done);
    assert_eq!(read(&mut page, VMBMEM + 0x3c), 7);
    assert_eq!(page.counters().refused, 0);
}

#[test]
fn what_is_no_aligned_access_is_without_effect() {
    let mut page = Page::new();
    let places = [
        (VMBMEM + 1, 4),
        (VMBMEM + 1, 2),
        (VMBMEM, 8),
        (VMBMEM, 0),
        (VMBMEM, 3),
        (0x1000, 4),
        (0xffe, 4),
        (usize::MAX, 1),
        (usize::MAX - 3, 4),
        (0x800, usize::MAX),
    ];
    for (number, (offset, width)) in (0u64..).step_by(2).zip(places) {
        assert_eq!(page.write(offset, width, u32::MAX), Writing::Done);
        assert_eq!(page.read(offset, width), Reading::Value(0));
        assert_eq!(page.counters().refused, number + 2, "{offset:#x}");
    }
    assert_eq!(page.buffer(), [0; 16]);
}

#[test]
fn status_bits_are_cleared_by_a_full_read_only() {
    let mut page = Page::new();
    assert!(page
        .mailbox_mut()
        .set_control(P2vMailbox::STS.with(P2vMailbox::ACK)));
    assert_eq!(page.read(V2P, 1), Reading::Value(0x30));
    assert_eq!(page.read(V2P, 2), Reading::Value(0x30));
    assert_eq!(page.read(V2P + 1, 1), Reading::Value(0));
    assert_eq!(read(&mut page, V2P), 0x30);
    assert_eq!(read(&mut page, V2P), 0);
    // A byte could ring: it must not.
    assert_eq!(page.write(V2P, 1, 1), Writing::Done);
    assert_eq!(page.mailbox_mut().take_events(), PfEvents::default());
    assert_eq!(page.counters().refused, 1);
}

#[test]
fn ownership_is_as_the_card_has_it() {
    let mut page = Page::new();
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    assert_eq!(read(&mut page, V2P), V2pMailbox::VFU.raw());
    page.write(V2P, 4, 0);
    assert_eq!(read(&mut page, V2P), 0);
    // While the PF owns the buffer, the VF cannot.
    page.mailbox_mut().set_control(P2vMailbox::PFU);
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    assert_eq!(read(&mut page, V2P), V2pMailbox::PFU.raw());
    page.mailbox_mut().set_control(P2vMailbox::default());
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    assert_eq!(read(&mut page, V2P), V2pMailbox::VFU.raw());
    // The PF can, whatever the VF does, and the VF keeps what it has.
    page.mailbox_mut().set_control(P2vMailbox::PFU);
    assert!(page.mailbox().control().has(P2vMailbox::PFU));
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    assert_eq!(read(&mut page, V2P), 0x0c);
    // Read-only bits, and those that the PF sets, are not the VF's to write.
    page.mailbox_mut().set_control(P2vMailbox::default());
    page.write(V2P, 4, !0x07);
    assert_eq!(read(&mut page, V2P), 0);
}

#[test]
fn a_request_is_what_was_there_when_it_rang() {
    let mut page = Page::new();
    page.write(VMBMEM, 4, 0x2);
    page.write(VMBMEM + 4, 4, 0x77);
    assert_eq!(page.write(V2P, 4, V2pMailbox::REQ.raw()), Writing::Ring);
    // The guest goes on writing while the PF reads.
    page.write(VMBMEM, 4, 0xbad);
    let events = page.mailbox_mut().take_events();
    assert!(events.request && !events.ack && !events.function_reset);
    assert_eq!(page.mailbox().read()[..3], [0x2, 0x77, 0]);
    assert_eq!(page.mailbox_mut().take_events(), PfEvents::default());
}

#[test]
fn a_message_waits_for_a_guest_that_owns_the_buffer() {
    let mut page = Page::new();
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    page.write(VMBMEM, 4, 0x11);
    page.mailbox_mut().write(&[0x100]);
    assert!(!page.mailbox_mut().set_control(P2vMailbox::STS));
    assert_eq!(read(&mut page, VMBMEM), 0x11);
    assert_eq!(read(&mut page, V2P), V2pMailbox::VFU.raw());
    // It lets go: there is the message, and its interrupt.
    assert_eq!(page.write(V2P, 4, 0), Writing::Signal);
    assert_eq!(read(&mut page, V2P), V2pMailbox::PFSTS.raw());
    assert_eq!(read(&mut page, VMBMEM), 0x100);
    // A second time it is not there.
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    assert_eq!(page.write(V2P, 4, 0), Writing::Done);
}

#[test]
fn a_request_overwrites_a_message_that_waits() {
    let mut page = Page::new();
    page.write(V2P, 4, V2pMailbox::VFU.raw());
    page.mailbox_mut().write(&[0x100]);
    assert!(!page.mailbox_mut().set_control(P2vMailbox::STS));
    page.write(VMBMEM, 4, 1);
    assert_eq!(page.write(V2P, 4, V2pMailbox::REQ.raw()), Writing::Ring);
    assert_eq!(read(&mut page, V2P), 0);
    assert_eq!(page.mailbox().read()[0], 1);
}

#[test]
fn reset_forgets_both_sides() {
    let mut page = Page::new();
    page.write(VMBMEM, 4, 0x5ec2e7);
    page.write(V2P, 4, V2pMailbox::REQ.with(V2pMailbox::VFU).raw());
    page.mailbox_mut().write(&[1]);
    page.mailbox_mut().set_control(P2vMailbox::STS);
    let reset = Writing::Reset {
        register: 0,
        value: RST,
    };
    assert_eq!(page.write(0, 4, RST | 1), reset);
    assert_eq!(page.buffer(), [0; 16]);
    assert_eq!(page.mailbox().read(), [0; 16]);
    assert_eq!(read(&mut page, V2P), 0);
    assert_eq!(page.mailbox_mut().take_events(), PfEvents::default());
    assert_eq!(page.write(0, 4, !RST), Writing::Done);
    // A narrow write is none.
    assert_eq!(page.write(3, 1, RST >> 24), Writing::Done);
    assert_eq!(page.counters().resets, 1);
}

#[test]
fn the_reset_of_the_pf_shows() {
    let mut page = Page::new();
    page.write(VMBMEM, 4, 9);
    page.mailbox_mut().pf_reset_begin();
    assert_eq!(read(&mut page, V2P), V2pMailbox::RSTI.raw());
    assert_eq!(read(&mut page, VMBMEM), 0);
    // A VF that resets itself meanwhile still sees it.
    page.write(0, 4, RST);
    assert_eq!(read(&mut page, V2P), V2pMailbox::RSTI.raw());
    page.mailbox_mut().pf_reset_end();
    assert_eq!(read(&mut page, V2P), V2pMailbox::RSTD.raw());
    assert_eq!(read(&mut page, V2P), 0);
}
