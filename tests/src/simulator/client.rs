//! People: they post, edit, retract and react, ask again when they got no good answer, and follow
//! a channel from where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_federation::batch::Reading;
use foedus_federation::channel::{
    self, ChannelView, Posted, Refused, ReplyTo, Request, Text, Verb,
};
use foedus_federation::damaged::Damaged;
use foedus_federation::frame::Cursor;
use foedus_federation::timeline::{
    self, ArrivalReader, Arrivals, Happening, HistoryReader, Order as HistoryOrder, Page, Position,
};
use foedus_policy::action::Actor;
use foedus_policy::id::{ChannelId, EntryRef, MemberId};
use foedus_policy::state::Scopes;

use super::checker::DURABLE;
use super::disk;
use super::organisation::Cause;
use super::plan::Plan;
use super::trace::short;
use super::world::{Caller, Event, World};

/// What the shared channel is called at its host.
pub const SHARED_NAME: &str = "launch";
/// What the others call it.
pub const SHARED_NAME_ELSEWHERE: &str = "acme-launch";
/// A channel that each organisation keeps to itself.
pub const LOCAL_NAME: &str = "kitchen";

/// A stream of what is shown in the shared channel, resumed by cursor.
#[derive(Debug, Default)]
pub struct Tail {
    pub cursor: Option<Cursor>,
    /// When that was given, in true time.
    pub given: u64,
    /// What was shown, with the number of its arrival.
    pub delivered: BTreeMap<EntryRef, u64>,
    /// Of which of them the text was absent.
    pub absent: BTreeSet<EntryRef>,
}

/// One person.
pub struct Client {
    pub at: usize,
    pub name: String,
    pub tail: Tail,
    pub mine: Vec<EntryRef>,
    pub known: Vec<EntryRef>,
    said: u64,
}

impl Client {
    /// Two people in each organisation.
    pub fn people(plan: &Plan) -> Vec<Self> {
        let person = |at: usize, name: &str| Self {
            at,
            name: format!("{name}{at}"),
            tail: Tail::default(),
            mine: Vec::new(),
            known: Vec::new(),
            said: 0,
        };
        (0..plan.orgs)
            .flat_map(|at| [person(at, "anna"), person(at, "ben")])
            .collect()
    }
}

/// Something that somebody asked for, until there is an answer.
pub struct Attempt {
    pub client: usize,
    pub channel: ChannelId,
    pub verb: Verb,
    pub idempotency: Option<String>,
    pub entropy: [u8; 32],
    pub sent: u32,
    /// Answered so that it need not be asked again.
    pub settled: bool,
}

impl World {
    fn member(&self, client: usize) -> Option<MemberId> {
        let Client { at, name, .. } = &self.clients[client];
        self.orgs[*at].snapshot()?.state.member_named(name)
    }

    pub fn on_client(&mut self, client: usize) {
        let at = self.clients[client].at;
        if self.orgs[at].run.is_none() {
            return;
        }
        if self.random.chance(350) {
            return self.follow(client);
        }
        let shared = self.shared_channel();
        let local = || {
            let snapshot = self.orgs[at].snapshot()?;
            snapshot.state.channel_named(LOCAL_NAME)
        };
        let channel = match shared.filter(|_| self.clients[client].said % 9 != 8) {
            Some(channel) => Some(channel),
            None => local(),
        };
        let Some(channel) = channel else { return };
        for _ in 0..self.random.between(1, 6) {
            let verb = self.draw_verb(client, shared == Some(channel));
            let entropy: [u8; 32] = self.random.bytes();
            let keyed = self.random.chance(900);
            let number = self.attempts.len();
            self.checker.says(at, &self.clients[client].name, &verb);
            self.attempts.push(Attempt {
                client,
                channel,
                verb,
                idempotency: keyed.then(|| format!("request-{number}")),
                entropy,
                sent: 0,
                settled: false,
            });
            self.send_attempt(number);
        }
        self.settle(at);
    }

    fn draw_verb(&mut self, client: usize, shared: bool) -> Verb {
        let mine = &self.clients[client].mine;
        let known = &self.clients[client].known;
        let choice = self.random.below(100);
        let of = |random: &mut super::random::Random, list: &[EntryRef]| {
            list.get(random.index(list.len())).copied()
        };
        let target_mine = of(&mut self.random, mine).filter(|_| shared);
        let target_known = of(&mut self.random, known).filter(|_| shared);
        match (choice, target_mine, target_known) {
            (0..10, Some(target), _) => {
                let text = self.new_text(client);
                Verb::Edit { target, text }
            }
            (10..14, Some(target), _) => Verb::Retract { target },
            (14..28, _, Some(target)) => Verb::React {
                target,
                emoji: ["👍", "🎉"][self.random.index(2)].to_owned(),
                on: self.random.chance(800),
            },
            _ => {
                let many = match self.random.below(20) {
                    0 => self.random.between(10, 40),
                    1..6 => self.random.between(2, 6),
                    _ => 1,
                };
                let texts = (0..many).map(|_| Text {
                    text: self.new_text(client),
                    reply_to: target_known.filter(|_| self.random.chance(150)),
                });
                Verb::Post(texts.collect())
            }
        }
    }

    fn new_text(&mut self, client: usize) -> String {
        let person = &mut self.clients[client];
        person.said += 1;
        format!("{} says {}", person.name, person.said)
    }

    fn send_attempt(&mut self, number: usize) {
        let attempt = &self.attempts[number];
        let client = attempt.client;
        let at = self.clients[client].at;
        let Some(member) = self.member(client).filter(|_| self.orgs[at].run.is_some()) else {
            return self.ask_again(number);
        };
        let request = Request {
            verb: attempt.verb.clone(),
            idempotency: attempt.idempotency.clone(),
            entropy: match attempt.sent {
                0 => attempt.entropy,
                again => std::array::from_fn(|place| {
                    attempt.entropy[place] ^ again.to_le_bytes()[place % 4]
                }),
            },
        };
        let channel = attempt.channel;
        self.attempts[number].sent += 1;
        let reply = self.reply_to(at, Caller::Attempt(number));
        let actor = Actor::Member {
            member,
            scopes: Scopes::ALL,
        };
        let input = channel::Input::Request {
            reply,
            actor,
            request,
        };
        self.push_channel(at, channel, Cause::Local, input);
    }

    fn ask_again(&mut self, number: usize) {
        if self.attempts[number].settled {
            return;
        }
        if self.attempts[number].idempotency.is_none() {
            // Without a key nobody may ask twice.
            self.attempts[number].settled = true;
            return;
        }
        let delay = match self.healing {
            true => self.random.between(500, 2_000),
            false => self.random.between(1_000, 30_000),
        };
        self.after(delay, Event::Retry(number));
    }

    pub fn on_retry(&mut self, number: usize) {
        if self.attempts[number].settled {
            return;
        }
        let at = self.clients[self.attempts[number].client].at;
        self.send_attempt(number);
        self.settle(at);
    }

    /// Whoever waited for the run that is no more gets no answer.
    pub fn callers_lost(&mut self, at: usize) {
        let lost: Vec<u64> = self
            .callers
            .iter()
            .filter(|(_, (of, _))| *of == at)
            .map(|(reply, _)| *reply)
            .collect();
        for reply in lost {
            match self.callers.remove(&reply) {
                Some((_, Caller::Attempt(number))) => self.ask_again(number),
                Some((at, Caller::Administrator)) => self.orgs[at].act_pending = false,
                None => {}
            }
        }
    }

    pub fn client_answered(
        &mut self,
        at: usize,
        channel: ChannelId,
        reply: ReplyTo,
        result: Result<Posted, Refused>,
    ) {
        let Some((_, Caller::Attempt(number))) = self.callers.remove(&reply.0) else {
            return;
        };
        let now = self.now;
        match result {
            Ok(posted) => {
                self.trace.event(
                    now,
                    format_args!(
                        "{at} answers {number}: {} entries from {}",
                        posted.count, posted.first.sequence
                    ),
                );
                self.attempts[number].settled = true;
                let client = self.attempts[number].client;
                if matches!(self.attempts[number].verb, Verb::Post(_))
                    && Some(channel) == self.shared_channel()
                {
                    for place in 0..u64::from(posted.count) {
                        self.clients[client].mine.push(EntryRef {
                            sequence: posted.first.sequence + place,
                            ..posted.first
                        });
                    }
                }
                self.acknowledged(at, number, posted);
            }
            Err(refused) => {
                self.trace
                    .event(now, format_args!("{at} refuses {number}: {refused:?}"));
                match refused {
                    Refused::Failed(_) => self.ask_again(number),
                    Refused::KeyReused => {
                        let text = format!("request {number} is taken for another");
                        self.checker.find(DURABLE, now, text);
                    }
                    _ => self.attempts[number].settled = true,
                }
            }
        }
    }

    /// Reads on in the shared channel, from where this person was.
    pub fn follow(&mut self, client: usize) {
        let at = self.clients[client].at;
        let Some(channel) = self.shared_channel() else {
            return;
        };
        let Some(run) = &self.orgs[at].run else {
            return;
        };
        let (Some(view), true) = (
            run.views.get(&channel).cloned(),
            run.snapshot.state.channels().contains_key(&channel),
        ) else {
            return;
        };
        let mut cursor = self.clients[client].tail.cursor;
        if cursor.is_some_and(|cursor| !view.knows(cursor)) {
            let tail = std::mem::take(&mut self.clients[client].tail);
            cursor = None;
            // Only old data that was put back since then makes a cursor mean nothing.
            if self.orgs[at]
                .restored
                .is_none_or(|restored| restored < tail.given)
            {
                let text = format!("a reader at {at} can't go on from where it was");
                return self.checker.find(DURABLE, self.now, text);
            }
        }
        let beginning = Cursor {
            run: view.run,
            arrival: 0,
        };
        let limit = usize::try_from(self.random.between(1, 30)).expect("a small number");
        let cursor = cursor.unwrap_or(beginning);
        match self.read_arrivals(at, view.clone(), cursor, limit) {
            Ok(arrivals) => {
                let (now, after, run) = (self.now, arrivals.after, short(&view.run.0));
                let before = cursor.arrival;
                self.trace.event(
                    now,
                    format_args!("{client} at {at} reads {before} to {after} of {run}"),
                );
                self.clients[client].tail.cursor = Some(Cursor {
                    run: view.run,
                    arrival: arrivals.after,
                });
                self.clients[client].tail.given = now;
                for arrived in arrivals.list {
                    for event in &arrived.events {
                        self.shown(client, channel, arrived.number, event);
                    }
                }
                if self.healing && arrivals.more {
                    self.follow(client);
                }
            }
            Err(damaged) => self.checker.damaged(at, &damaged),
        }
    }

    fn read_arrivals(
        &self,
        at: usize,
        view: Arc<ChannelView>,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Arrivals, Damaged> {
        let mut reader = ArrivalReader::new(view, cursor, 0, limit).expect("the cursor is known");
        let mut rows = Vec::new();
        loop {
            match reader.advance(rows)? {
                Reading::Ready(arrivals) => return Ok(arrivals),
                Reading::Read(reads) => {
                    let answer = |read| disk::answer(&self.orgs[at].disk, read);
                    rows = reads
                        .iter()
                        .map(|read| answer(read).unwrap_or_default())
                        .collect();
                }
            }
        }
    }

    /// All messages of a channel, in the order in which somebody there is shown them.
    pub fn history(&mut self, at: usize, channel: ChannelId) -> Option<Vec<EntryRef>> {
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let page = self.page(at, channel, HistoryOrder::OldestFirst, from, 200)?;
            entries.extend(page.items.iter().map(|item| item.entry));
            from = page.next;
            if from.is_none() {
                return Some(entries);
            }
        }
    }

    /// The last messages of a channel that somebody there is shown, newest first.
    pub fn newest(&mut self, at: usize, channel: ChannelId, count: usize) -> Option<Vec<EntryRef>> {
        let page = self.page(at, channel, HistoryOrder::NewestFirst, None, count)?;
        Some(page.items.iter().map(|item| item.entry).collect())
    }

    fn page(
        &mut self,
        at: usize,
        channel: ChannelId,
        order: HistoryOrder,
        from: Option<Position>,
        count: usize,
    ) -> Option<Page> {
        let run = self.orgs[at].run.as_ref()?;
        let view = run.views.get(&channel)?.clone();
        let mut reader = HistoryReader::new(view, order, from, None, count);
        let mut rows = Vec::new();
        loop {
            match reader.advance(std::mem::take(&mut rows)) {
                Ok(Reading::Ready(page)) => return Some(page),
                Ok(Reading::Read(reads)) => {
                    let answer = |read| disk::answer(&self.orgs[at].disk, read);
                    rows = reads
                        .iter()
                        .map(|read| answer(read).unwrap_or_default())
                        .collect();
                }
                Err(damaged) => {
                    self.checker.damaged(at, &damaged);
                    return None;
                }
            }
        }
    }

    fn shown(&mut self, client: usize, channel: ChannelId, number: u64, event: &timeline::Event) {
        let at = self.clients[client].at;
        let is_message = matches!(event.what, Happening::Posted(_));
        if is_message {
            self.clients[client].known.push(event.entry);
        }
        let before = self.clients[client]
            .tail
            .delivered
            .insert(event.entry, number);
        // A text that was absent is shown once more when it has come.
        let absent = match &event.what {
            Happening::Posted(message) => message.absent,
            _ => false,
        };
        let awaited = match absent {
            true => self.clients[client].tail.absent.insert(event.entry),
            false => self.clients[client].tail.absent.remove(&event.entry),
        };
        if let Some(before) = before.filter(|_| !self.orgs[at].dishonest && !awaited) {
            let text = format!(
                "a reader at {at} is shown {:?} twice, as {before} and {number}",
                event.entry
            );
            self.checker.find(DURABLE, self.now, text);
        }
        self.check_shown(at, channel, event);
    }
}
