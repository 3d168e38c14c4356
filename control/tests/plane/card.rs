// SPDX-License-Identifier: GPL-2.0

//! A model of the card: registers, mailboxes and the queues of VFs. It looks at every write for what no
//! write may do, and keeps what VFs could do after each.

use std::cell::{
    Cell,
    RefCell, //
};

use rigb_control::control::{
    card::{
        Card,
        Mailbox, //
    },
    device::{
        MTA_REGS,
        POOLS,
        RAR_ENTRIES,
        VFTA_REGS,
        VLVF_ENTRIES, //
    },
    rate::Limit,
    registers::{
        PoolControl,
        PoolFilter,
        QueueChoice,
        RarEntry,
        ReceiveControl,
        SendControl,
        VlvfEntry, //
    },
    vf::PortVlan,
    vf_id::{
        VfId,
        MAX_VFS, //
    },
    write::{
        SwitchRegisters,
        Write, //
    }, //
};
use rigb_control::mbox::{
    event::Link,
    port::{
        P2vMailbox,
        PfEvents,
        PfPort, //
    },
    reason::Failure,
    sim::{
        self,
        Doorbells,
        Model as Kind,
        SimPf, //
    },
    wire::Words, //
};

use super::reach::Reach;

/// The registers of the switch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registers {
    pub(crate) rar: [RarEntry; RAR_ENTRIES],
    pub(crate) vlvf: [VlvfEntry; VLVF_ENTRIES],
    pub(crate) vfta: [u32; VFTA_REGS],
    pub(crate) mta: [u32; MTA_REGS],
    pub(crate) uta: bool,
    pub(crate) filters: [PoolFilter; POOLS],
    pub(crate) tags: [Option<PortVlan>; POOLS],
    pub(crate) limits: [Limit; POOLS],
    pub(crate) senders: u32,
    pub(crate) receivers: u32,
    pub(crate) send: SendControl,
    pub(crate) receive: ReceiveControl,
    pub(crate) queues: QueueChoice,
    pub(crate) pool_control: PoolControl,
    pub(crate) max_frame: u32,
    pub(crate) flags: [bool; 3],
}

impl Registers {
    /// As after a reset.
    fn new() -> Self {
        Self {
            rar: [RarEntry::FREE; RAR_ENTRIES],
            vlvf: [VlvfEntry::FREE; VLVF_ENTRIES],
            vfta: [0; VFTA_REGS],
            mta: [0; MTA_REGS],
            uta: false,
            filters: [PoolFilter::CLOSED; POOLS],
            tags: [None; POOLS],
            limits: [Limit::NONE; POOLS],
            senders: 0,
            receivers: 0,
            send: SendControl::default(),
            receive: ReceiveControl::default(),
            queues: QueueChoice::Rss,
            pool_control: PoolControl::default(),
            max_frame: 0,
            flags: [false; 3],
        }
    }

    /// The same but for where in a table an entry is.
    pub(crate) fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted
            .rar
            .sort_by_key(|entry| (entry.pools == 0, entry.mac));
        sorted
            .vlvf
            .sort_by_key(|entry| (entry.pools == 0, entry.vid));
        sorted
    }

    fn set(&mut self, write: Write) {
        match write {
            Write::Receivers(pools) => self.receivers = pools,
            Write::Senders(pools) => self.senders = pools,
            Write::SendControl(send) => self.send = send,
            Write::DetectMalice(on) => self.flags[0] = on,
            Write::Tag(pool, tag) => self.tags[pool] = tag,
            Write::Limit(pool, limit) => self.limits[pool] = limit,
            Write::DropFrames(on) => self.flags[1] = on,
            Write::Receive(receive) => self.receive = receive,
            Write::Queues(choice) => self.queues = choice,
            Write::PoolControl(pools) => self.pool_control = pools,
            Write::MaxFrame(bytes) => self.max_frame = bytes,
            Write::StripVlans(on) => self.flags[2] = on,
            Write::StripReplicated => {}
            Write::Rar(index, entry) => self.rar[index] = entry,
            Write::Vlvf(index, entry) => self.vlvf[index] = entry,
            Write::Vfta(register, bits) => self.vfta[register] = bits,
            Write::Mta(register, bits) => self.mta[register] = bits,
            Write::Uta(all) => self.uta = all,
            Write::Filter(pool, filter) => self.filters[pool] = filter,
        }
    }
}

/// The card.
pub(crate) struct Model {
    regs: RefCell<Registers>,
    mailboxes: [sim::Mailbox; MAX_VFS],
    /// VFs whose queues do not stop.
    stuck: Cell<u32>,
    /// VFs whose queues have what a driver has set in them that is gone.
    dirty: Cell<u32>,
    /// Those of them whose tenant is gone as well.
    former: Cell<u32>,
    in_reset: Cell<bool>,
    /// What VFs could do after each write since [`Model::begin_trail`].
    trail: RefCell<Option<Vec<Reach>>>,
    faults: RefCell<Vec<String>>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            regs: RefCell::new(Registers::new()),
            mailboxes: core::array::from_fn(|_| sim::Mailbox::new(Kind::Datasheet)),
            stuck: Cell::new(0),
            dirty: Cell::new(0),
            former: Cell::new(0),
            in_reset: Cell::new(false),
            trail: RefCell::new(None),
            faults: RefCell::new(Vec::new()),
        }
    }

    pub(crate) fn regs(&self) -> Registers {
        self.regs.borrow().clone()
    }

    /// What VFs can do now.
    pub(crate) fn reach(&self) -> Reach {
        Reach::of(&self.regs.borrow())
    }

    /// From now on each write leaves a trail.
    pub(crate) fn begin_trail(&self) {
        *self.trail.borrow_mut() = Some(Vec::new());
    }

    /// What VFs could do after each write since then.
    pub(crate) fn take_trail(&self) -> Vec<Reach> {
        self.trail.take().unwrap_or_default()
    }

    /// What no write may do, and one did.
    pub(crate) fn take_faults(&self) -> Vec<String> {
        self.faults.take()
    }

    pub(crate) fn mailbox_of(&self, vf: VfId) -> &sim::Mailbox {
        &self.mailboxes[vf.index()]
    }

    /// Whether the queues of `vf` do not stop.
    pub(crate) fn is_stuck(&self, vf: VfId) -> bool {
        self.stuck.get() & vf.bit() != 0
    }

    pub(crate) fn set_stuck(&self, vf: VfId, stuck: bool) {
        let others = self.stuck.get() & !vf.bit();
        self.stuck
            .set(if stuck { others | vf.bit() } else { others });
    }

    /// The driver of a VF is gone, and leaves its queues as they are.
    pub(crate) fn leave_queues(&self, vf: VfId) {
        self.dirty.set(self.dirty.get() | vf.bit());
    }

    /// Its tenant as well.
    pub(crate) fn leave_to_next(&self, vf: VfId) {
        self.leave_queues(vf);
        self.former.set(self.former.get() | vf.bit());
    }

    /// Whether a VF's queues have what a driver has set in them that is gone.
    pub(crate) fn has_left(&self, vf: VfId) -> bool {
        self.dirty.get() & vf.bit() != 0
    }

    /// Whether they have what the driver of a tenant has set in them who is gone.
    pub(crate) fn has_former(&self, vf: VfId) -> bool {
        self.former.get() & vf.bit() != 0
    }

    pub(crate) fn reset_begins(&self) {
        self.in_reset.set(true);
        *self.regs.borrow_mut() = Registers::new();
        self.dirty.set(0);
        self.former.set(0);
        for mailbox in &self.mailboxes {
            mailbox.pf_reset_begin();
        }
    }

    pub(crate) fn reset_ends(&self) {
        self.in_reset.set(false);
        for mailbox in &self.mailboxes {
            mailbox.pf_reset_end();
        }
    }

    fn fault(&self, what: String) {
        self.faults.borrow_mut().push(what);
    }

    /// What no single write may do to the registers that are there.
    fn look_at(&self, write: Write, before: &Registers) {
        if self.in_reset.get() {
            self.fault(format!("{write:?} while the device is being reset"));
        }
        match write {
            Write::Rar(index, new) if new.pools != 0 => {
                let old = before.rar[index];
                if old.pools != 0 && old.mac != new.mac {
                    self.fault(format!("entry {index} is valid with half an address"));
                }
            }
            _ => {}
        }
    }
}

impl SwitchRegisters for Model {
    fn write(&self, write: Write) {
        self.look_at(write, &self.regs.borrow());
        let mut regs = self.regs.borrow_mut();
        regs.set(write);
        if let Some(trail) = self.trail.borrow_mut().as_mut() {
            trail.push(Reach::of(&regs));
        }
    }
}

impl Card for Model {
    type Extra = ();

    fn empty_queues(&self, vf: VfId) -> Result<(), Failure> {
        let regs = self.regs.borrow();
        let pools = regs.pool_control.replicate;
        if pools && (regs.senders | regs.receivers) & vf.bit() != 0 {
            self.fault(format!(
                "the queues of VF {vf} are emptied while it is open"
            ));
        }
        if self.stuck.get() & vf.bit() != 0 {
            return Err(Failure::Device);
        }
        self.dirty.set(self.dirty.get() & !vf.bit());
        self.former.set(self.former.get() & !vf.bit());
        Ok(())
    }

    fn mailbox<'a>(&'a self, vf: VfId, (): &'a ()) -> impl Mailbox + 'a {
        let mailbox = self.mailbox_of(vf);
        PfEnd {
            mailbox,
            port: mailbox.pf(),
        }
    }
}

struct PfEnd<'a> {
    mailbox: &'a sim::Mailbox,
    port: SimPf<'a>,
}

impl PfPort for PfEnd<'_> {
    fn take_events(&mut self) -> PfEvents {
        self.port.take_events()
    }

    fn control(&mut self) -> P2vMailbox {
        self.port.control()
    }

    fn set_control(&mut self, value: P2vMailbox) {
        self.port.set_control(value);
    }

    fn read(&mut self) -> Words {
        self.port.read()
    }

    fn write(&mut self, words: &[u32]) {
        self.port.write(words);
    }
}

impl Mailbox for PfEnd<'_> {
    fn take_function_reset(&mut self) -> bool {
        let events = self.port.take_events();
        self.mailbox.ring(Doorbells {
            req: events.request,
            ack: events.ack,
            ..Doorbells::default()
        });
        events.function_reset
    }

    fn ignore(&mut self) {
        if self.port.take_events().function_reset {
            self.mailbox.function_reset();
        }
    }

    fn show_link(&mut self, _: &Link) {}
}
