//! A store that is written as the channel machine writes it, what is in it drawn by chance, and the
//! plain answer: all entries, sorted and folded by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, NoteHash, OrgId, RunId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::AuthorKind;

use super::*;
use crate::batch::{Key, Reading, Value};
use crate::channel::{Author, Governance, Log, Void, Waiting, Withheld};
use crate::entry::{ORG_AUTHOR, Place, compose};
use crate::stored::Arrival;

pub const CHANNEL: ChannelId = ChannelId([9; 32]);
pub const RUN: RunId = RunId([1; 16]);

/// A store as a `BTreeMap`.
#[derive(Debug, Clone, Default)]
pub struct Kept(pub BTreeMap<Key, Value>);

impl Kept {
    pub fn read(&self, read: &Read) -> Rows {
        match read {
            Read::Get(key) => {
                let value = self.0.get(key).cloned();
                value
                    .into_iter()
                    .map(|value| (key.clone(), value))
                    .collect()
            }
            Read::Scan {
                start,
                end,
                limit,
                reverse,
            } => {
                let pair = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
                let range = self.0.range(start.clone()..end.clone());
                match reverse {
                    true => range.rev().take(*limit).map(pair).collect(),
                    false => range.take(*limit).map(pair).collect(),
                }
            }
        }
    }

    pub fn page(&self, mut reader: HistoryReader) -> Page {
        let mut rows = Vec::new();
        for _round in 0..10_000 {
            match reader.advance(rows).expect("nothing is damaged") {
                Reading::Ready(page) => return page,
                Reading::Read(reads) => {
                    assert!(!reads.is_empty(), "a step that reads nothing leads nowhere");
                    rows = reads.iter().map(|read| self.read(read)).collect();
                }
            }
        }
        panic!("the reader does not end")
    }

    pub fn arrivals(&self, mut reader: ArrivalReader) -> Arrivals {
        let mut rows = Vec::new();
        loop {
            match reader.advance(rows).expect("nothing is damaged") {
                Reading::Ready(list) => return list,
                Reading::Read(reads) => {
                    rows = reads.iter().map(|read| self.read(read)).collect();
                }
            }
        }
    }

    /// All pages of this size, one after the other.
    pub fn history(&self, view: &Arc<ChannelView>, order: Order, limit: usize) -> Vec<Item> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let reader = HistoryReader::new(view.clone(), order, from, None, limit);
            let page = self.page(reader);
            assert!(page.items.len() <= limit);
            items.extend(page.items);
            match page.next {
                Some(next) => from = Some(next),
                None => return items,
            }
        }
    }
}

/// One entry of the model.
#[derive(Debug, Clone)]
pub struct Written {
    pub log: LogId,
    pub hlc: u64,
    pub author: AuthorId,
    pub verdict: Verdict,
    pub body: Body,
    pub waits: bool,
}

/// What is in the channel, and in which runs it arrived.
#[derive(Debug, Clone)]
pub struct World {
    pub kept: Kept,
    pub logs: imbl::OrdMap<LogId, Log>,
    pub authors: imbl::OrdMap<(OrgId, AuthorId), Author>,
    pub waiting: imbl::OrdMap<(u64, u16), Waiting>,
    pub arrival: u64,
}

pub fn log(org: u8, incarnation: u8) -> LogId {
    LogId {
        channel: CHANNEL,
        origin: OrgId([org; 32]),
        incarnation: IncarnationId([incarnation; 16]),
    }
}

pub fn author(number: u8) -> AuthorId {
    AuthorId([number; 16])
}

impl World {
    pub fn new() -> Self {
        let joined = |org: u8, number: u8| {
            let known = Author {
                kind: AuthorKind::Member,
                address: format!("m{number}@org{org}.example"),
                display_name: String::new(),
                joined: true,
                said: crate::channel::Said {
                    hlc: Hlc::ZERO,
                    incarnation: foedus_policy::id::IncarnationId([1; 16]),
                    sequence: 0,
                },
                left: None,
            };
            ((OrgId([org; 32]), author(number)), known)
        };
        Self {
            kept: Kept::default(),
            logs: imbl::OrdMap::new(),
            authors: (1..=3)
                .flat_map(|org| (1..=2).map(move |number| joined(org, number)))
                .collect(),
            waiting: imbl::OrdMap::new(),
            arrival: 0,
        }
    }

    /// Stores a run as the machine does, annotations included.
    pub fn arrive(&mut self, run: &[Written]) {
        let id = run[0].log;
        let keys = ChannelKeys(CHANNEL);
        self.arrival += 1;
        let mut state = self.logs.get(&id).cloned().unwrap_or_else(Log::empty);
        let first = state.size();
        let mut entries = Vec::new();
        for (place, written) in (0..).zip(run) {
            let sequence = state.size();
            let at = Place {
                log: id,
                sequence,
                hlc: Hlc(written.hlc),
                revision: NoteHash::LOCAL,
                author: written.author,
            };
            let entry = compose(&at, &written.body, [7; 32]).expect("a body that fits");
            state.frontier.append(entry.leaf);
            state.hlc = state.hlc.max(Hlc(written.hlc));
            if written.waits {
                let waiting = Waiting {
                    entry: id.entry(sequence),
                    until: Some(Timestamp(1)),
                    revision: None,
                    author: None,
                };
                self.waiting.insert((self.arrival, place), waiting);
            }
            if written.verdict == Verdict::Accepted {
                self.annotate(id.entry(sequence), written);
            }
            entries.push(StoredEntry::of(entry.raw, written.verdict.code()));
        }
        let last = state.size() - 1;
        self.logs.insert(id, state);
        let stored = Run {
            arrival: self.arrival,
            arrived: self.arrival,
            first,
            entries,
        };
        self.kept.0.insert(keys.run(id, last), stored.to_value());
        let waited = (first..).zip(run).filter(|(_, written)| written.waits);
        let held_back = waited.map(|(sequence, _)| sequence).collect();
        self.list(id, first, last, held_back, false);
    }

    pub fn list(&mut self, id: LogId, first: u64, last: u64, held_back: Vec<u64>, late: bool) {
        let arrival = Arrival {
            origin: id.origin.0,
            incarnation: id.incarnation.0,
            first,
            last,
            shown_late: u8::from(late),
            held_back,
        };
        let key = ChannelKeys(CHANNEL).arrival(self.arrival);
        self.kept.0.insert(key, arrival.to_value());
    }

    fn annotate(&mut self, entry: EntryRef, written: &Written) {
        let (kind, target, emoji, on) = match &written.body {
            Body::Edit { target, .. } => (Annotation::EDIT, *target, "", true),
            Body::Retract { target } => (Annotation::RETRACT, *target, "", true),
            Body::React { target, emoji, on } => (Annotation::REACT, *target, emoji.as_str(), *on),
            _ => return,
        };
        let key = ChannelKeys(CHANNEL).annotation_page(target, 0);
        let known = self.kept.0.get(&key);
        let mut rows = known.map_or_else(Vec::new, |value| {
            Annotations::from_value(&key, value)
                .expect("written here")
                .rows
        });
        let row = Annotation {
            kind,
            origin: entry.origin.0,
            incarnation: entry.incarnation.0,
            sequence: entry.sequence,
            author: written.author.0,
            hlc: written.hlc,
            revision: 0,
            emoji: emoji.as_bytes().to_vec(),
            on: u8::from(on),
        };
        let place = |row: &Annotation| (row.kind, row.origin, row.author, row.emoji.clone());
        let when = |row: &Annotation| (row.hlc, row.incarnation, row.sequence);
        match rows.iter_mut().find(|known| place(known) == place(&row)) {
            Some(known) if when(known) >= when(&row) => {}
            Some(known) => *known = row,
            None => rows.push(row),
        }
        self.kept.0.insert(key, Annotations { rows }.to_value());
    }

    pub fn view(&self) -> Arc<ChannelView> {
        Arc::new(ChannelView {
            channel: CHANNEL,
            us: OrgId([1; 32]),
            run: RUN,
            arrival: self.arrival,
            runs: Arc::new([]),
            logs: self.logs.clone(),
            governance: Arc::new(Governance::local(OrgId([1; 32]))),
            authors: self.authors.clone(),
            waiting: self.waiting.clone(),
        })
    }

    pub fn history(&self, order: Order, limit: usize) -> Vec<Item> {
        self.kept.history(&self.view(), order, limit)
    }
}

pub fn post(log: LogId, hlc: u64, by: u8, text: &str) -> Written {
    Written {
        log,
        hlc,
        author: author(by),
        verdict: Verdict::Accepted,
        body: Body::Post {
            text: text.to_owned(),
            reply_to: None,
        },
        waits: false,
    }
}

/// The first entry of a log, which is always about the log itself.
pub fn opening(log: LogId) -> Written {
    Written {
        author: ORG_AUTHOR,
        body: opened(),
        ..post(log, 0, 1, "")
    }
}

/// Numbers that follow from one another.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The entries of all logs, each log in its order.
pub fn drawn(draw: &mut Draw) -> Vec<Vec<Written>> {
    let mut logs = Vec::new();
    let mut posts: Vec<EntryRef> = Vec::new();
    for (org, incarnation) in [(1, 1), (1, 2), (2, 1), (3, 5)] {
        let id = log(org, incarnation);
        let mut hlc = draw.below(20);
        let mut entries = Vec::new();
        for sequence in 0..draw.below(90) {
            let target = posts
                .get(draw.below(posts.len().max(1) as u64) as usize)
                .copied();
            let (verdict, step) = match draw.below(12) {
                // A void entry may claim any time.
                0 => (Verdict::Void(Void::Fault), None),
                1 => (Verdict::Withheld(Withheld::Origin), Some(1 + draw.below(4))),
                _ => (Verdict::Accepted, Some(1 + draw.below(4))),
            };
            hlc += step.unwrap_or(0);
            let by = 1 + draw.below(2) as u8;
            let mut written = post(id, hlc, by, &format!("{org}/{incarnation}/{sequence}"));
            if step.is_none() {
                written.hlc = draw.below(200);
            }
            written.verdict = verdict;
            // Nobody joined under number 3.
            if draw.below(15) == 0 {
                written.author = author(3);
            }
            written.waits = verdict == Verdict::Accepted && draw.below(20) == 0;
            written.body = body(draw, target, written.body);
            if sequence == 0 {
                written.body = opened();
                written.author = ORG_AUTHOR;
                written.waits = false;
            } else if matches!(written.body, Body::Post { .. }) {
                posts.push(id.entry(sequence));
            }
            entries.push(written);
        }
        logs.push(entries);
    }
    logs
}

fn opened() -> Body {
    Body::Opened(crate::kind::Opened {
        key: [0; 32],
        closes: Vec::new(),
    })
}

fn body(draw: &mut Draw, target: Option<EntryRef>, post: Body) -> Body {
    let Some(target) = target else { return post };
    match draw.below(10) {
        0 => Body::Edit {
            target,
            text: format!("edit {}", draw.below(1000)),
        },
        1 => Body::Retract { target },
        2 | 3 => Body::React {
            target,
            emoji: if draw.below(2) == 0 { "+" } else { "-" }.to_owned(),
            on: draw.below(3) > 0,
        },
        4 => Body::Joined {
            author_kind: AuthorKind::Member,
            address: "a@b.example".to_owned(),
            display_name: String::new(),
        },
        5 => Body::Heads(vec![crate::kind::Head {
            origin: OrgId([5; 32]),
            incarnation: IncarnationId([5; 16]),
            size: 1,
            root: [0; 32],
        }]),
        _ => post,
    }
}

/// The logs arrive in pieces, in some order between them.
pub fn world(logs: &[Vec<Written>], draw: &mut Draw) -> World {
    let mut world = World::new();
    let mut next = vec![0; logs.len()];
    loop {
        let left: Vec<usize> = (0..logs.len())
            .filter(|index| next[*index] < logs[*index].len())
            .collect();
        let Some(index) = left.get(draw.below(left.len().max(1) as u64) as usize) else {
            return world;
        };
        let rest = &logs[*index][next[*index]..];
        let run = rest.len().min(1 + draw.below(16) as usize);
        world.arrive(&rest[..run]);
        next[*index] += run;
    }
}

/// What is expected: everything that counts, sorted, with what its own author said of it since.
pub fn expected(logs: &[Vec<Written>]) -> Vec<(Position, Option<String>, bool, usize)> {
    let counts = |written: &&(Position, Written)| {
        written.1.verdict == Verdict::Accepted && !written.1.waits && written.1.author != author(3)
    };
    let all: Vec<(Position, Written)> = logs
        .iter()
        .flat_map(|entries| (0..).zip(entries))
        .map(|(sequence, written)| {
            let position = Position {
                hlc: Hlc(written.hlc),
                origin: written.log.origin,
                incarnation: written.log.incarnation,
                sequence,
            };
            (position, written.clone())
        })
        .collect();
    let mut said: Vec<&(Position, Written)> = all.iter().filter(counts).collect();
    said.sort_by_key(|(position, _)| *position);
    let mut items = Vec::new();
    for (position, written) in &said {
        let text = match &written.body {
            Body::Post { text, .. } => Some(text.clone()),
            Body::Joined { .. } => None,
            _ => continue,
        };
        let mut item = (*position, text, false, 0);
        // Only the last of each author counts, also if it waits or is nobody's.
        let mut given: BTreeMap<(OrgId, AuthorId, &str), (Position, bool, bool)> = BTreeMap::new();
        let mut edits: BTreeMap<(OrgId, AuthorId), (Position, &str, bool)> = BTreeMap::new();
        for (at, other) in &all {
            if other.verdict != Verdict::Accepted {
                continue;
            }
            let shown = counts(&&(*at, other.clone()));
            let own = at.origin == position.origin && other.author == written.author;
            match &other.body {
                Body::Edit { target, text } if *target == position.entry() && own => {
                    let newest = edits
                        .entry((at.origin, other.author))
                        .or_insert((*at, text, shown));
                    if newest.0 < *at {
                        *newest = (*at, text, shown);
                    }
                }
                Body::Retract { target } if *target == position.entry() && own => {
                    item.2 = true;
                }
                Body::React { target, emoji, on } if *target == position.entry() => {
                    let place = (at.origin, other.author, emoji.as_str());
                    let newest = given.entry(place).or_insert((*at, *on, shown));
                    if newest.0 < *at {
                        *newest = (*at, *on, shown);
                    }
                }
                _ => {}
            }
        }
        if let Some((_, text, true)) = edits.values().next()
            && item.1.is_some()
        {
            item.1 = Some((*text).to_owned());
        }
        if item.2 {
            item.1 = None;
        }
        item.3 = given
            .values()
            .filter(|(_, on, shown)| *on && *shown)
            .count();
        items.push(item);
    }
    items
}

pub fn plain(items: &[Item]) -> Vec<(Position, Option<String>, bool, usize)> {
    items
        .iter()
        .map(|item| {
            let position = Position {
                hlc: item.hlc,
                origin: item.entry.origin,
                incarnation: item.entry.incarnation,
                sequence: item.entry.sequence,
            };
            let (text, retracted) = match &item.what {
                What::Message(message) => (message.text.clone(), message.retracted),
                _ => (None, false),
            };
            let reactions = item.reactions.iter().map(|given| given.authors.len()).sum();
            (position, text, retracted, reactions)
        })
        .collect()
}
