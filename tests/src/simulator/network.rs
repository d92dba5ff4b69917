//! The network: at most one connection between two organisations, on which frames keep their
//! order, take their time, and are lost with it. Either side may learn late that it is gone.

use std::collections::BTreeMap;

use foedus_federation::evidence::CheckedFrame;
use foedus_federation::frame::{Frame, Goodbye};
use foedus_federation::link::{self, hello};
use foedus_policy::id::OrgId;

use super::trace::short;
use super::world::{Event, World};

/// How long after it is gone a dead connection is noticed at the latest.
const DEAD_LINK_MILLIS: u64 = 20_000;

/// One connection.
pub struct Connection {
    sides: [usize; 2],
    open: [bool; 2],
    /// When the last frame to each side comes in.
    last: [u64; 2],
}

/// The network between two organisations.
#[derive(Default)]
struct Pair {
    blocked_until: u64,
    dialling: bool,
    attempts: u32,
}

/// All of it.
#[derive(Default)]
pub struct Network {
    connections: BTreeMap<u64, Connection>,
    made: u64,
    pairs: BTreeMap<(usize, usize), Pair>,
    /// Under which number one subscribed to the shared channel at another last.
    subscriptions: BTreeMap<(usize, usize), u32>,
    /// Frames take about this long.
    pub slow_millis: u64,
}

impl Network {
    /// Under which number one subscribed to the shared channel at another last.
    pub fn subscription(&self, by: usize, at: usize) -> Option<u32> {
        self.subscriptions.get(&(by, at)).copied()
    }
}

fn ordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

impl World {
    /// No frame passes between two for a while, and no connection can be made.
    pub fn partition(&mut self, one: usize, other: usize, millis: u64) {
        let until = self.now + millis;
        let pair = self.network.pairs.entry(ordered(one, other)).or_default();
        pair.blocked_until = pair.blocked_until.max(until);
        let (now, seconds) = (self.now, millis / 1000);
        self.trace
            .event(now, format_args!("{one}-{other} cut for {seconds} s"));
        self.happened("partition");
        self.break_connection(one, other);
    }

    /// Every cut is mended.
    pub fn mend(&mut self) {
        self.network.slow_millis = 0;
        let now = self.now;
        for pair in self.network.pairs.values_mut() {
            pair.blocked_until = now;
            pair.attempts = 0;
        }
        for one in 0..self.orgs.len() {
            for other in one + 1..self.orgs.len() {
                self.network.pairs.entry((one, other)).or_default().dialling = false;
                self.dial_soon(one, other);
            }
        }
    }

    /// The connection between two is gone; each side learns it in its own time.
    pub fn break_connection(&mut self, one: usize, other: usize) {
        let pair = ordered(one, other);
        let found = self.network.connections.iter().find(|(_, connection)| {
            ordered(connection.sides[0], connection.sides[1]) == pair && connection.open[0]
        });
        let Some(number) = found.map(|(number, _)| *number) else {
            return;
        };
        self.happened("disconnect");
        for place in 0..2 {
            let side = self.network.connections[&number].sides[place];
            let delay = self.notice_delay();
            self.after(
                delay,
                Event::Broken {
                    connection: number,
                    side,
                },
            );
        }
        let connection = self
            .network
            .connections
            .get_mut(&number)
            .expect("it was found");
        connection.open = [false, false];
    }

    fn notice_delay(&mut self) -> u64 {
        match self.random.chance(500) {
            true => self.random.between(1, 100),
            false => self.random.between(100, DEAD_LINK_MILLIS),
        }
    }

    /// One side of a connection is no more; the other learns it in its own time.
    pub fn side_is_gone(&mut self, number: u64, side: usize) {
        let Some(connection) = self.network.connections.get_mut(&number) else {
            return;
        };
        connection.open = [false, false];
        let other = match connection.sides {
            [one, other] if one == side => other,
            [one, _] => one,
        };
        let delay = self.notice_delay();
        self.after(
            delay,
            Event::Broken {
                connection: number,
                side: other,
            },
        );
    }

    pub fn on_broken(&mut self, number: u64, side: usize) {
        let Some(connection) = self.network.connections.get(&number) else {
            return;
        };
        let sides = connection.sides;
        let other = if sides[0] == side { sides[1] } else { sides[0] };
        let partner = self.orgs[other].id;
        if let Some(run) = &mut self.orgs[side].run
            && let Some(wire) = run.links.get_mut(&partner)
            && wire.connection == Some(number)
        {
            wire.connection = None;
            let now = self.now;
            self.trace
                .event(now, format_args!("{side} lost its link with {other}"));
            self.tell_link(side, partner, link::Input::Closed);
            self.settle(side);
        }
        self.dial_soon(side, other);
    }

    /// One of two dials the other before long, unless that is under way.
    pub fn dial_soon(&mut self, one: usize, other: usize) {
        let pair = ordered(one, other);
        let state = self.network.pairs.entry(pair).or_default();
        if state.dialling {
            return;
        }
        state.dialling = true;
        let blocked = state.blocked_until.saturating_sub(self.now);
        let slowest = (200_u64 << state.attempts.min(8)).min(60_000);
        state.attempts += 1;
        let delay = blocked + self.random.between(slowest / 2, slowest + 1);
        self.after(delay, Event::Dial(pair.0, pair.1));
    }

    fn pins(&self, at: usize, other: usize) -> bool {
        let partner = self.orgs[other].id;
        self.orgs[at]
            .run
            .as_ref()
            .is_some_and(|run| run.links.contains_key(&partner))
            && self.orgs[at]
                .snapshot()
                .is_some_and(|snapshot| snapshot.pins().any(|(pinned, _)| pinned == partner))
    }

    pub fn on_dial(&mut self, one: usize, other: usize) {
        let pair = self.network.pairs.entry((one, other)).or_default();
        pair.dialling = false;
        let blocked = pair.blocked_until > self.now;
        let (pinned, known) = (self.pins(one, other), self.pins(other, one));
        if !pinned && !known {
            // Nobody wants to; whoever comes to want it says so.
            return;
        }
        if blocked || !(pinned && known) {
            return self.dial_soon(one, other);
        }
        let in_use = self.network.connections.values().any(|connection| {
            ordered(connection.sides[0], connection.sides[1]) == (one, other) && connection.open[0]
        });
        if in_use {
            return;
        }
        if let Some(pair) = self.network.pairs.get_mut(&(one, other)) {
            pair.attempts = 0;
        }
        self.network.made += 1;
        let number = self.network.made;
        let connection = Connection {
            sides: [one, other],
            open: [true, true],
            last: [self.now, self.now],
        };
        self.network.connections.insert(number, connection);
        let now = self.now;
        self.trace
            .event(now, format_args!("{one}-{other} connected as {number}"));
        for (side, partner) in [(one, other), (other, one)] {
            self.open_side(number, side, self.orgs[partner].id);
        }
    }

    fn open_side(&mut self, number: u64, side: usize, partner: OrgId) {
        let time = self.time(side);
        let Some(run) = &mut self.orgs[side].run else {
            return;
        };
        let Some(wire) = run.links.get_mut(&partner) else {
            return;
        };
        let had = wire.connection.replace(number).is_some();
        let hello = hello(&run.snapshot, partner, run.id, time);
        if had {
            self.tell_link(side, partner, link::Input::Closed);
        }
        self.tell_link(side, partner, link::Input::Opened);
        match hello {
            Some(hello) => self.send(side, partner, Frame::Hello(Box::new(hello))),
            None => self.close(side, partner, Goodbye::Refused),
        }
        self.settle(side);
    }

    /// Puts a frame on the present connection with a partner.
    pub fn send(&mut self, at: usize, partner: OrgId, frame: Frame) {
        if let Some(to) = self.index_of(partner) {
            self.check_sent(at, to, &frame);
        }
        self.send_unchecked(at, partner, frame);
    }

    /// As `send`, whatever is in it.
    pub fn send_unchecked(&mut self, at: usize, partner: OrgId, frame: Frame) {
        let (Some(run), Some(to)) = (&self.orgs[at].run, self.index_of(partner)) else {
            return;
        };
        let Some(number) = run.links.get(&partner).and_then(|wire| wire.connection) else {
            return;
        };
        if let Frame::Subscribe(subscribe) = &frame
            && Some(subscribe.channel) == self.checker.shared
        {
            let asked = (at, to);
            self.network
                .subscriptions
                .insert(asked, subscribe.subscription);
        }
        let slow = self.network.slow_millis;
        let delay = match self.random.chance(10) {
            true => self.random.between(50, 2_000),
            false => self.random.between(1, 20),
        };
        let delay = delay + self.random.below(slow + 1);
        if delay >= 50 {
            self.happened("delay");
        }
        let Some(connection) = self.network.connections.get_mut(&number) else {
            return;
        };
        let place = usize::from(connection.sides[1] == to);
        if !connection.open[place] {
            return;
        }
        let due = (self.now + delay).max(connection.last[place]);
        connection.last[place] = due;
        let event = Event::Deliver {
            connection: number,
            to,
            frame: Box::new(frame),
        };
        self.after(due - self.now, event);
    }

    pub fn on_deliver(&mut self, number: u64, to: usize, frame: Frame) {
        let Some(connection) = self.network.connections.get(&number) else {
            return;
        };
        if !connection.open[0] {
            return;
        }
        let from = match connection.sides {
            [one, other] if one == to => other,
            [one, _] => one,
        };
        let partner = self.orgs[from].id;
        let current = self.orgs[to]
            .run
            .as_ref()
            .and_then(|run| run.links.get(&partner));
        if current.and_then(|wire| wire.connection) != Some(number) {
            return;
        }
        let now = self.now;
        self.trace.event(
            now,
            format_args!("{to} receives {} of {from}", describe(&frame)),
        );
        let snapshot = self.orgs[to].snapshot().expect("it runs").clone();
        match CheckedFrame::check(frame, &snapshot) {
            Ok(frame) => self.tell_link(to, partner, link::Input::Frame(Box::new(frame))),
            Err(refused) => {
                self.trace
                    .event(now, format_args!("{to} refuses the frame: {refused}"));
                self.close(to, partner, Goodbye::Protocol);
            }
        }
        self.settle(to);
    }

    /// Says goodbye, and lets go of the connection.
    pub fn close(&mut self, at: usize, partner: OrgId, goodbye: Goodbye) {
        self.send(at, partner, Frame::Goodbye(goodbye));
        let Some(run) = &mut self.orgs[at].run else {
            return;
        };
        let Some(number) = run
            .links
            .get_mut(&partner)
            .and_then(|wire| wire.connection.take())
        else {
            return;
        };
        let now = self.now;
        let short = short(&partner.0);
        self.trace
            .event(now, format_args!("{at} closes to {short}: {goodbye:?}"));
        self.tell_link(at, partner, link::Input::Closed);
        self.side_is_gone(number, at);
        if let Some(other) = self.index_of(partner) {
            self.dial_soon(at, other);
        }
    }

    /// Whether there is a working connection between two, both sides of which know it.
    pub fn is_connected(&self, one: usize, other: usize) -> bool {
        let up = |at: usize, to: usize| {
            let partner = self.orgs[to].id;
            let run = self.orgs[at].run.as_ref();
            run.and_then(|run| run.links.get(&partner))
                .is_some_and(|wire| wire.link.is_up())
        };
        up(one, other) && up(other, one)
    }
}

fn describe(frame: &Frame) -> String {
    match frame {
        Frame::Hello(_) => "hello".to_owned(),
        Frame::Notes(notes) => format!("{} notes", notes.notes.len()),
        Frame::Subscribe(subscribe) => {
            let arrival = subscribe.cursor.map(|cursor| cursor.arrival);
            format!(
                "subscribe {} from {arrival:?} held {:?} relayed {}",
                subscribe.subscription,
                subscribe
                    .held
                    .iter()
                    .map(|log| log.size)
                    .collect::<Vec<_>>(),
                subscribe.relayed.len()
            )
        }
        Frame::UnknownCursor(_) => "unknown cursor".to_owned(),
        Frame::Entries(entries) => {
            let parts: Vec<String> = entries
                .parts
                .iter()
                .map(|part| {
                    let end = part.first + part.entries.len() as u64;
                    let (origin, inc) = (short(&part.origin.0), short(&part.incarnation.0));
                    format!("{origin}/{inc} {}..{end}", part.first)
                })
                .collect();
            let cursor = entries.cursor.map(|cursor| cursor.arrival);
            format!(
                "entries {} for {} to {cursor:?}: {}",
                entries.number,
                entries.subscription,
                parts.join(", ")
            )
        }
        Frame::Ack(ack) => format!("ack {}", ack.number),
        Frame::Goodbye(goodbye) => format!("goodbye {goodbye:?}"),
    }
}
