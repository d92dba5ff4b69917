//! A world: organisations, the network between them, people, and time. Everything that happens in
//! it is an event, and every event follows from the seed.

use std::collections::BTreeMap;

use foedus_federation::channel::ReplyTo;
use foedus_federation::feed::PageReader;
use foedus_federation::frame::Frame;
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::time::{Now, Timestamp};

use super::checker::BOUNDED;
use super::checker::Checker;
use super::client::{Attempt, Client};
use super::network::Network;
use super::organisation::{Organisation, ScopeId};
use super::plan::Plan;
use super::random::Random;
use super::trace::Trace;

/// True time when a world begins, in milliseconds since 1970.
pub const BEGIN: u64 = 1_800_000_000_000;

/// More inputs than any day brings: the organisations keep each other busy.
const INPUTS_MAX: u64 = 100_000;

/// Something that happens at a certain time.
pub enum Event {
    /// The disk answers what a scope asked.
    Answer { at: usize, run: u64, scope: ScopeId },
    /// A page is read for a link.
    Page {
        at: usize,
        run: u64,
        partner: OrgId,
        channel: ChannelId,
        subscription: u32,
        reader: Box<PageReader>,
    },
    /// A frame comes in.
    Deliver {
        connection: u64,
        to: usize,
        frame: Box<Frame>,
    },
    /// One of two may dial the other.
    Dial(usize, usize),
    /// One side notices that a connection is gone.
    Broken { connection: u64, side: usize },
    /// The daemon's timer.
    Tick { at: usize, run: u64 },
    /// A daemon is started.
    Start(usize),
    /// A person does something.
    Client(usize),
    /// A person asks again for what was not answered well.
    Retry(usize),
    /// An administrator looks at how things are.
    Administrator(usize),
    /// Something goes wrong.
    Weather,
    /// One organisation lies to another.
    Forge(usize, usize),
    /// Somebody makes room on a disk.
    Room(usize),
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy)]
pub enum Caller {
    Attempt(usize),
    Administrator,
}

/// A world.
pub struct World {
    pub random: Random,
    pub trace: Trace,
    /// True time since the beginning, in milliseconds.
    pub now: u64,
    events: BTreeMap<(u64, u64), Event>,
    order: u64,
    pub plan: Plan,
    pub orgs: Vec<Organisation>,
    pub network: Network,
    pub clients: Vec<Client>,
    pub attempts: Vec<Attempt>,
    pub callers: BTreeMap<u64, (usize, Caller)>,
    next_reply: u64,
    pub checker: Checker,
    /// Inputs that machines took.
    pub inputs: u64,
    /// Nothing goes wrong any more.
    pub healing: bool,
    /// What went wrong, and how often.
    pub weather: BTreeMap<&'static str, u64>,
}

impl World {
    /// The world of one seed, before anything happened in it.
    pub fn new(seed: u64, shown: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        let handles = ["acme.example", "globex.example", "initech.example"];
        let orgs: Vec<Organisation> = handles[..plan.orgs]
            .iter()
            .map(|handle| Organisation::new(handle, &mut random))
            .collect();
        let mut world = Self {
            trace: Trace::new(shown),
            now: 0,
            events: BTreeMap::new(),
            order: 0,
            network: Network::default(),
            clients: Client::people(&plan),
            attempts: Vec::new(),
            callers: BTreeMap::new(),
            next_reply: 1,
            checker: Checker::new(&orgs),
            inputs: 0,
            healing: false,
            weather: BTreeMap::new(),
            random,
            plan,
            orgs,
        };
        world.happened(match world.plan.orgs {
            2 => "two organisations",
            _ => "three organisations",
        });
        world.schedule_day();
        world
    }

    /// Counts something that was meant to happen.
    pub fn happened(&mut self, what: &'static str) {
        *self.weather.entry(what).or_default() += 1;
    }

    /// What the clocks of one organisation say.
    pub fn time(&self, at: usize) -> Now {
        let started = self.orgs[at].run.as_ref().map_or(0, |run| run.started);
        Now {
            wall: self.wall(at),
            steady_millis: self.now - started,
        }
    }

    /// What the wall clock of one organisation says.
    pub fn wall(&self, at: usize) -> Timestamp {
        let offset = self.orgs[at].clock_offset;
        Timestamp((BEGIN + self.now).saturating_add_signed(offset))
    }

    /// Has something happen after a while.
    pub fn after(&mut self, millis: u64, event: Event) {
        self.order += 1;
        self.events.insert((self.now + millis, self.order), event);
    }

    /// A number by which an answer is told from others.
    pub fn reply_to(&mut self, at: usize, caller: Caller) -> ReplyTo {
        let number = self.next_reply;
        self.next_reply += 1;
        self.callers.insert(number, (at, caller));
        ReplyTo(number)
    }

    pub fn index_of(&self, org: OrgId) -> Option<usize> {
        self.orgs.iter().position(|known| known.id == org)
    }

    /// Lets everything happen up to a moment.
    pub fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.events.first_entry() {
            let (time, _) = *entry.key();
            if time > end {
                break;
            }
            let event = entry.remove();
            self.now = time;
            self.happen(event);
            if self.inputs > INPUTS_MAX {
                let text = format!("{} inputs, and no end of them", self.inputs);
                self.checker.find(BOUNDED, self.now, text);
            }
            if self.checker.is_over() {
                return;
            }
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Answer { at, run, scope } => self.on_answer(at, run, scope),
            Event::Page {
                at,
                run,
                partner,
                channel,
                subscription,
                reader,
            } => self.on_page(at, run, partner, channel, subscription, *reader),
            Event::Deliver {
                connection,
                to,
                frame,
            } => self.on_deliver(connection, to, *frame),
            Event::Dial(one, other) => self.on_dial(one, other),
            Event::Broken { connection, side } => self.on_broken(connection, side),
            Event::Tick { at, run } => self.on_tick(at, run),
            Event::Start(at) => self.start(at),
            Event::Client(client) => self.on_client(client),
            Event::Retry(attempt) => self.on_retry(attempt),
            Event::Administrator(at) => self.on_administrator(at),
            Event::Weather => self.on_weather(),
            Event::Forge(at, to) => self.forge(at, to),
            Event::Room(at) => self.orgs[at].disk.set_full(false),
        }
    }
}
