//! What arrived in a channel after a cursor, in the order in which it arrived here: for live
//! streams, which never skip and never repeat.
//!
//! What waited (for its time, our yes or its author) arrives once more when it is shown. A message is
//! given with its newest text, and an edit or retraction only if its author is the message's.

use std::mem;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, EntryRef, IncarnationId, OrgId};
use foedus_policy::time::Timestamp;

use super::{Fold, Held, Lens, Message, Said, edit_text};
use crate::batch::Reading;
use crate::bounds::TIMELINE_ARRIVALS_MAX;
use crate::channel::ChannelView;
use crate::damaged::Damaged;
use crate::frame::Cursor;
use crate::hlc::Hlc;
use crate::keys::ChannelKey;
use crate::kind::CustomName;
use crate::steploop::Rows;
use crate::stored::{Arrival, Record};

/// The cursor means nothing here (any more): an old copy of the store was put back, or it is too
/// old. Whoever has it reads the history again and goes on from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is of a run that this store does not know")]
pub struct UnknownCursor;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A message, with its newest text.
    Posted(Message),
    /// Another text for a message; the newest one, if there were more since.
    Edited {
        /// The message.
        target: EntryRef,
        /// As it is now.
        message: Message,
    },
    /// A message was taken back.
    Retracted(EntryRef),
    /// A reaction.
    Reacted {
        /// To what.
        target: EntryRef,
        /// The emoji.
        emoji: String,
        /// Whether it is given, not taken back.
        on: bool,
    },
    /// The author joined, or has another address or name from here on.
    Joined,
    /// The author left.
    Left,
    /// The body of an entry was erased for all.
    Erased(EntryRef),
    /// An event that the charter names.
    Custom {
        /// Its name.
        name: CustomName,
        /// Its content; `None` if it is not here.
        bytes: Option<Vec<u8>>,
    },
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The entry.
    pub entry: EntryRef,
    /// The time that its origin signed.
    pub hlc: Hlc,
    /// When it was stored here.
    pub arrived: Timestamp,
    /// Who wrote it, in the log of the entry's origin.
    pub author: AuthorId,
    /// Its place among the entries of its arrival, from 0.
    pub place: u16,
    /// What it says.
    pub what: Happening,
}

/// What arrived under one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The number.
    pub number: u64,
    /// What of it is shown; may be nothing.
    pub events: Vec<Event>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// In order.
    pub list: Vec<Arrived>,
    /// Where to go on: everything up to here is in the list, or is not shown.
    pub after: u64,
    /// Whether there is more now.
    pub more: bool,
}

/// Reads what arrived after a number.
#[derive(Debug)]
pub struct ArrivalReader {
    lens: Lens,
    after: u64,
    skip: u16,
    limit: usize,
    phase: Phase,
    list: Vec<(u64, Arrival)>,
    found: Vec<Found>,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Numbers,
    Runs,
    /// For each entry found, the reads that it asked for.
    Targets(Vec<usize>),
    /// The newest texts: two reads for each of these entries.
    Texts(Vec<Told>, Vec<usize>),
}

#[derive(Debug)]
struct Found {
    /// Index of the arrival in the list.
    arrival: usize,
    place: u16,
    held: Held,
}

/// What was said of the message that an entry is about.
#[derive(Debug)]
enum Told {
    /// Nothing has to be known.
    Nothing,
    /// The entry is about a message that is not shown, or is not its author's.
    Void,
    Of(Fold),
}

impl ArrivalReader {
    /// A reader of at most `limit` arrivals after `cursor`, without the first `skip` entries of
    /// the next.
    pub fn new(
        view: Arc<ChannelView>,
        cursor: Cursor,
        skip: u16,
        limit: usize,
    ) -> Result<Self, UnknownCursor> {
        if !view.knows(cursor) {
            return Err(UnknownCursor);
        }
        Ok(Self {
            lens: Lens::new(view),
            after: cursor.arrival,
            skip,
            limit: limit.clamp(1, TIMELINE_ARRIVALS_MAX),
            phase: Phase::Begin,
            list: Vec::new(),
            found: Vec::new(),
        })
    }

    /// Goes on with what was read; the first call brings nothing.
    ///
    /// # Panics
    /// If there is not one answer for each read: a fault of the caller.
    pub fn advance(&mut self, rows: Vec<Rows>) -> Result<Reading<Arrivals>, Damaged> {
        match mem::replace(&mut self.phase, Phase::Begin) {
            Phase::Begin if self.after >= self.lens.view.arrival => Ok(self.all(Vec::new())),
            Phase::Begin => {
                self.phase = Phase::Numbers;
                let read = self.lens.keys.arrivals_after(self.after, self.limit);
                Ok(Reading::Read(vec![read]))
            }
            Phase::Numbers => self.numbers(rows),
            Phase::Runs => self.runs(rows),
            Phase::Targets(asked) => self.targets(&asked, rows),
            Phase::Texts(told, edited) => self.texts(told, &edited, rows),
        }
    }

    fn numbers(&mut self, rows: Vec<Rows>) -> Result<Reading<Arrivals>, Damaged> {
        let mut reads = Vec::new();
        for (key, value) in rows.into_iter().flatten() {
            let Some((_, ChannelKey::Arrival(number))) = ChannelKey::parse(&key) else {
                return Err(Damaged::new(key, "the number of an arrival"));
            };
            // The store may be ahead of the snapshot.
            if number > self.lens.view.arrival {
                break;
            }
            let arrival = Arrival::from_value(&key, &value)?;
            reads.push(self.lens.keys.run_of(EntryRef {
                origin: OrgId(arrival.origin),
                incarnation: IncarnationId(arrival.incarnation),
                sequence: arrival.last,
            }));
            self.list.push((number, arrival));
        }
        if reads.is_empty() {
            return Ok(self.all(Vec::new()));
        }
        self.phase = Phase::Runs;
        Ok(Reading::Read(reads))
    }

    fn runs(&mut self, rows: Vec<Rows>) -> Result<Reading<Arrivals>, Damaged> {
        assert_eq!(self.list.len(), rows.len(), "each read has one answer");
        for (index, ((number, arrival), rows)) in self.list.iter().zip(rows).enumerate() {
            let (key, value) = rows.first().ok_or_else(|| {
                Damaged::new(
                    self.lens.keys.arrival(*number),
                    "an arrival of which the run is here",
                )
            })?;
            let skip = if *number == self.after + 1 {
                self.skip
            } else {
                0
            };
            for held in self.lens.open(key, value)?.held {
                let sequence = held.position.sequence;
                // What had to wait is shown where it arrives once more, and only there.
                let elsewhere = arrival.held_back.contains(&sequence);
                let here = (arrival.first..=arrival.last).contains(&sequence) && !elsewhere;
                if !here || held.said.is_none() {
                    continue;
                }
                let place = u16::try_from(sequence - arrival.first).unwrap_or(u16::MAX);
                if place >= skip {
                    self.found.push(Found {
                        arrival: index,
                        place,
                        held,
                    });
                }
            }
        }
        let mut reads = Vec::new();
        let mut asked = Vec::with_capacity(self.found.len());
        for found in &self.found {
            let before = reads.len();
            match found.held.said.as_ref().expect("the rest was left out") {
                Said::Post { .. } | Said::Custom { .. } => {
                    reads.push(self.lens.annotations_of(found.held.position.entry()));
                }
                Said::Edit { target, .. } | Said::Retract(target) => {
                    reads.push(self.lens.annotations_of(*target));
                    reads.push(self.lens.keys.run_of(*target));
                }
                Said::React { .. } | Said::Erase(_) | Said::Joined | Said::Left => {}
            }
            asked.push(reads.len() - before);
        }
        if reads.is_empty() {
            let told = self.found.iter().map(|_| Told::Nothing).collect();
            return self.texts(told, &[], Vec::new());
        }
        self.phase = Phase::Targets(asked);
        Ok(Reading::Read(reads))
    }

    fn targets(&mut self, asked: &[usize], rows: Vec<Rows>) -> Result<Reading<Arrivals>, Damaged> {
        let mut rows = rows.into_iter();
        let mut told = Vec::with_capacity(asked.len());
        for (found, count) in self.found.iter().zip(asked) {
            let rows: Vec<Rows> = rows.by_ref().take(*count).collect();
            assert_eq!(rows.len(), *count, "each read has one answer");
            told.push(self.told(found, &rows)?);
        }
        let mut edited = Vec::new();
        let mut reads = Vec::new();
        for (index, (found, told)) in self.found.iter().zip(&told).enumerate() {
            let Told::Of(fold) = told else { continue };
            let Some(edit) = fold.text_of() else { continue };
            if edit.entry() != found.held.position.entry() {
                edited.push(index);
                reads.push(self.lens.keys.run_of(edit.entry()));
                reads.push(self.lens.annotations_of(edit.entry()));
            }
        }
        if reads.is_empty() {
            return self.texts(told, &[], Vec::new());
        }
        self.phase = Phase::Texts(told, edited);
        Ok(Reading::Read(reads))
    }

    fn told(&self, found: &Found, rows: &[Rows]) -> Result<Told, Damaged> {
        let held = &found.held;
        let (target, author) = match (held.said.as_ref(), rows) {
            (_, []) => return Ok(Told::Nothing),
            (Some(Said::Edit { target, .. } | Said::Retract(target)), [_, run]) => {
                let Some((key, value)) = run.first() else {
                    return Ok(Told::Void);
                };
                let message = self.lens.open(key, value)?.take(*target);
                // What is not here or not shown yet comes with what was said of it.
                let own = |message: &Held| {
                    matches!(message.said, Some(Said::Post { .. }))
                        && message.author == held.author
                        && message.position.origin == held.position.origin
                };
                if !message.as_ref().is_some_and(own) {
                    return Ok(Told::Void);
                }
                (*target, held.author)
            }
            _ => (held.position.entry(), held.author),
        };
        self.lens.fold(target, author, &rows[0]).map(Told::Of)
    }

    fn texts(
        &mut self,
        told: Vec<Told>,
        edited: &[usize],
        rows: Vec<Rows>,
    ) -> Result<Reading<Arrivals>, Damaged> {
        assert_eq!(edited.len() * 2, rows.len(), "each read has one answer");
        let mut texts = vec![None; told.len()];
        for (index, rows) in edited.iter().zip(rows.chunks_exact(2)) {
            if let Told::Of(Fold {
                edit: Some(edit), ..
            }) = &told[*index]
            {
                texts[*index] = edit_text(&self.lens, *edit, &rows[0], &rows[1])?;
            }
        }
        let mut events: Vec<(usize, Event)> = Vec::with_capacity(told.len());
        let found = mem::take(&mut self.found);
        for ((found, told), text) in found.into_iter().zip(told).zip(texts) {
            let (arrival, place, held) = (found.arrival, found.place, found.held);
            let (position, arrived, author) = (held.position, held.arrived, held.author);
            if let Some(what) = happening(held, told, text) {
                let event = Event {
                    entry: position.entry(),
                    hlc: position.hlc,
                    arrived,
                    author,
                    place,
                    what,
                };
                events.push((arrival, event));
            }
        }
        Ok(self.all(events))
    }

    fn all(&mut self, events: Vec<(usize, Event)>) -> Reading<Arrivals> {
        let mut list: Vec<Arrived> = self
            .list
            .iter()
            .map(|(number, _)| Arrived {
                number: *number,
                events: Vec::new(),
            })
            .collect();
        for (arrival, event) in events {
            list[arrival].events.push(event);
        }
        let newest = self.lens.view.arrival;
        let full = list.len() >= self.limit;
        let after = match list.last() {
            Some(last) if full => last.number,
            _ => newest.max(self.after),
        };
        Reading::Ready(Arrivals {
            list,
            after,
            more: after < newest,
        })
    }
}

fn happening(held: Held, told: Told, newest: Option<String>) -> Option<Happening> {
    let entry = held.position;
    let fold = match told {
        Told::Void => return None,
        Told::Nothing => Fold::default(),
        Told::Of(fold) => fold,
    };
    Some(match held.said? {
        Said::Post { text, reply_to } => {
            let mut message = Message {
                absent: text.is_none(),
                text,
                reply_to,
                ..Message::default()
            };
            fold.apply(&mut message, newest);
            Happening::Posted(message)
        }
        Said::Edit { target, text } => {
            let mut message = Message::default();
            // Without a place among what was said of the message, it has no effect.
            let own = fold.edit?.entry() == entry.entry();
            fold.apply(&mut message, if own { Some(text) } else { newest });
            Happening::Edited { target, message }
        }
        Said::Retract(target) => Happening::Retracted(target),
        Said::React { target, emoji, on } => Happening::Reacted { target, emoji, on },
        Said::Erase(target) => Happening::Erased(target),
        Said::Joined => Happening::Joined,
        Said::Left => Happening::Left,
        Said::Custom { name, bytes } => Happening::Custom {
            name,
            bytes: bytes.filter(|_| !fold.erased),
        },
    })
}
