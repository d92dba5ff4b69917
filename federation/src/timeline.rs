//! Reading one channel for our own people: history in the order that everybody sees, and what
//! arrived, in the order in which it arrived here.
//!
//! Readers plan and take answers, as machines do: they say what has to be read from the store,
//! get the rows, and say what comes next. What does not count (void, withheld, waiting for its
//! time, for our yes or for its author, by an author who never joined) is skipped, and what later entries say of
//! a message is folded into it. The order is (hybrid logical time, origin, incarnation,
//! sequence), so that it is the same wherever the same entries are held.
//!
//! They must not know who asks, or whether they may: that was decided before.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, EntryRef, IncarnationId, OrgId};
use foedus_policy::time::Timestamp;

use crate::batch::Read;
use crate::channel::{Author, ChannelView, Revision, Verdict};
use crate::damaged::Damaged;
use crate::entry::{Header, LogId};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::{Body, CustomName, Kind};
use crate::steploop::Rows;
use crate::stored::{Annotation, Annotations, Record, Run, StoredEntry};

mod arrivals;
mod history;
mod lane;
mod who;

pub use arrivals::{ArrivalReader, Arrivals, Arrived, Event, Happening, UnknownCursor};
pub use history::{HistoryReader, Item, Page, What};
pub use lane::Order;
pub use who::{Who, who};

/// The place of an entry in the order that everybody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The time that its origin signed.
    pub hlc: Hlc,
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation.
    pub incarnation: IncarnationId,
    /// Where in it.
    pub sequence: u64,
}

impl Position {
    /// Length of the encoded form.
    pub const BYTES: usize = 8 + 32 + 16 + 8;

    /// Bytes that sort as positions do.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.hlc.0.to_be_bytes());
        bytes[8..40].copy_from_slice(self.origin.as_bytes());
        bytes[40..56].copy_from_slice(self.incarnation.as_bytes());
        bytes[56..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// The position that was encoded; `None` if the length is another.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let number = |at: usize| bytes[at..at + 8].try_into().ok().map(u64::from_be_bytes);
        Some(Self {
            hlc: Hlc(number(0)?),
            origin: OrgId(bytes[8..40].try_into().ok()?),
            incarnation: IncarnationId(bytes[40..56].try_into().ok()?),
            sequence: number(56)?,
        })
    }

    fn entry(self) -> EntryRef {
        EntryRef {
            origin: self.origin,
            incarnation: self.incarnation,
            sequence: self.sequence,
        }
    }
}

/// A message with what was said of it since.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its newest text; `None` if it was taken back or is absent.
    pub text: Option<String>,
    /// What it answers.
    pub reply_to: Option<EntryRef>,
    /// When its newest text was signed, if that is not the first one.
    pub edited: Option<Hlc>,
    /// Its author took it back.
    pub retracted: bool,
    /// Its body is not here, for whatever reason.
    pub absent: bool,
}

/// One reaction with all who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who gave it, in the order of the timeline.
    pub authors: Vec<(OrgId, AuthorId)>,
}

/// One stored entry that is not void, as readers look at it.
#[derive(Debug, Clone)]
struct Held {
    position: Position,
    arrived: Timestamp,
    author: AuthorId,
    /// What it says, if it counts and says something that is shown.
    said: Option<Said>,
}

/// What an entry that counts says.
#[derive(Debug, Clone)]
enum Said {
    Post {
        text: Option<String>,
        reply_to: Option<EntryRef>,
    },
    Edit {
        target: EntryRef,
        text: String,
    },
    Retract(EntryRef),
    React {
        target: EntryRef,
        emoji: String,
        on: bool,
    },
    Erase(EntryRef),
    Joined,
    Left,
    Custom {
        name: CustomName,
        bytes: Option<Vec<u8>>,
    },
}

/// What is true of the channel while something is read: the snapshot, and what waits.
#[derive(Debug)]
struct Lens {
    view: Arc<ChannelView>,
    keys: ChannelKeys,
    waiting: BTreeSet<EntryRef>,
}

impl Lens {
    fn new(view: Arc<ChannelView>) -> Self {
        Self {
            keys: ChannelKeys(view.channel),
            waiting: view.waiting.values().map(|waiting| waiting.entry).collect(),
            view,
        }
    }

    fn log(&self, entry: EntryRef) -> LogId {
        self.keys.log_id(entry.origin, entry.incarnation)
    }

    /// Whether the snapshot has the entry. The store may be ahead of it.
    fn has(&self, entry: EntryRef) -> bool {
        let log = self.view.logs.get(&self.log(entry));
        log.is_some_and(|log| entry.sequence < log.size())
    }

    /// Whether what an accepted entry says, that was written under `revision`, is shown now: its
    /// author joined, and is of a kind that the revision allows to write.
    fn shows(&self, entry: EntryRef, author: AuthorId, revision: Option<&Revision>) -> bool {
        let author = self.view.authors.get(&(entry.origin, author));
        let allowed = |known: &Author| {
            revision.is_none_or(|revision| revision.charter().kinds.contains(known.kind))
        };
        self.has(entry) && !self.waiting.contains(&entry) && author.is_some_and(allowed)
    }

    /// The entries of a stored run that are not void, with their places.
    fn open(&self, key: &[u8], value: &[u8]) -> Result<OpenRun, Damaged> {
        let run = Run::from_value(key, value)?;
        let mut held = Vec::with_capacity(run.entries.len());
        let count = run.entries.len() as u64;
        for entry in run.entries {
            if Verdict::is_void(entry.verdict) {
                continue;
            }
            held.push(self.held(key, Timestamp(run.arrived), entry)?);
        }
        Ok(OpenRun {
            first: run.first,
            end: run.first + count,
            held,
        })
    }

    fn held(&self, key: &[u8], arrived: Timestamp, entry: StoredEntry) -> Result<Held, Damaged> {
        let header = Header::decode(&entry.header).map_err(|wrong| {
            Damaged::new(key.to_vec(), "the header of an entry").caused_by(wrong)
        })?;
        let position = Position {
            hlc: header.hlc,
            origin: header.log.origin,
            incarnation: header.log.incarnation,
            sequence: header.sequence,
        };
        let revision = self.view.governance.revision(header.revision);
        let shown = Verdict::counts(entry.verdict)
            && self.shows(header.reference(), header.author, revision);
        Ok(Held {
            position,
            arrived,
            author: header.author,
            said: shown.then(|| said(&header, &entry)).flatten(),
        })
    }

    /// What the annotations of `target`, written by `author`, come to.
    fn fold(&self, target: EntryRef, author: AuthorId, rows: &Rows) -> Result<Fold, Damaged> {
        let pages = rows
            .iter()
            .map(|(key, value)| Ok(Annotations::from_value(key, value)?.rows));
        let pages: Vec<Vec<Annotation>> = pages.collect::<Result<_, Damaged>>()?;
        let mut rows = pages.concat();
        rows.retain(|row| self.annotates(row));
        rows.sort_unstable_by_key(annotation_position);
        let mut fold = Fold::default();
        for row in &rows {
            let own = row.origin == target.origin.0 && row.author == author.0;
            match row.kind {
                Annotation::EDIT if own => fold.edit = Some(annotation_position(row)),
                Annotation::RETRACT if own => fold.retracted = true,
                Annotation::ERASE if row.origin == target.origin.0 => fold.erased = true,
                Annotation::REACT if row.on == 1 => fold.react(row),
                _ => {}
            }
        }
        Ok(fold)
    }

    /// Whether an annotation counts: an erasure is the organisation's own word, the rest is an
    /// author's. What takes something away does so at once, whatever time it claims.
    fn annotates(&self, row: &Annotation) -> bool {
        let entry = annotation_position(row).entry();
        match row.kind {
            Annotation::ERASE | Annotation::RETRACT => self.has(entry),
            _ => {
                let number = u64::from(row.revision);
                let revision = self.view.governance.revision_numbered(number);
                self.shows(entry, AuthorId(row.author), revision)
            }
        }
    }

    fn annotations_of(&self, entry: EntryRef) -> Read {
        self.keys.annotations(entry)
    }
}

fn annotation_position(row: &Annotation) -> Position {
    Position {
        hlc: Hlc(row.hlc),
        origin: OrgId(row.origin),
        incarnation: IncarnationId(row.incarnation),
        sequence: row.sequence,
    }
}

/// The entries of one run.
#[derive(Debug)]
struct OpenRun {
    first: u64,
    /// The sequence after its last.
    end: u64,
    held: Vec<Held>,
}

impl OpenRun {
    fn take(self, entry: EntryRef) -> Option<Held> {
        let mut held = self.held.into_iter();
        held.find(|held| held.position.entry() == entry)
    }
}

/// What later entries say of one message.
#[derive(Debug, Default)]
struct Fold {
    edit: Option<Position>,
    retracted: bool,
    erased: bool,
    reactions: Vec<Reaction>,
}

impl Fold {
    fn react(&mut self, row: &Annotation) {
        let Ok(emoji) = String::from_utf8(row.emoji.clone()) else {
            return;
        };
        let author = (OrgId(row.origin), AuthorId(row.author));
        let known = self
            .reactions
            .iter_mut()
            .find(|reaction| reaction.emoji == emoji);
        match known {
            Some(reaction) => reaction.authors.push(author),
            None => self.reactions.push(Reaction {
                emoji,
                authors: vec![author],
            }),
        }
    }

    /// The newest text, if it is another entry's and still to be shown.
    fn text_of(&self) -> Option<Position> {
        self.edit.filter(|_| !self.retracted && !self.erased)
    }

    /// Puts what was said since into the message. `edit` is the newest text, if it is here.
    fn apply(&self, message: &mut Message, edit: Option<String>) {
        message.retracted = self.retracted;
        message.edited = self.edit.map(|edit| edit.hlc);
        if self.retracted || self.erased {
            message.text = None;
            message.absent = self.erased;
        } else if self.edit.is_some() {
            message.absent = edit.is_none();
            message.text = edit;
        }
    }
}

/// The newest text of a message, from the run that has it and what was said of that entry.
fn edit_text(
    lens: &Lens,
    edit: Position,
    run: &Rows,
    annotations: &Rows,
) -> Result<Option<String>, Damaged> {
    let Some((key, value)) = run.first() else {
        return Ok(None);
    };
    let Some(held) = lens.open(key, value)?.take(edit.entry()) else {
        return Ok(None);
    };
    let erased = lens.fold(edit.entry(), held.author, annotations)?.erased;
    Ok(match held.said {
        Some(Said::Edit { text, .. }) if !erased => Some(text),
        _ => None,
    })
}

/// What an entry says to a reader: nothing, if only daemons care.
fn said(header: &Header, entry: &StoredEntry) -> Option<Said> {
    let kind = header.known_kind().ok()?;
    let Some(body) = &entry.body else {
        return match (kind, &header.class) {
            (Kind::Post, _) => Some(Said::Post {
                text: None,
                reply_to: None,
            }),
            (Kind::Custom, crate::kind::Class::Custom(name)) => Some(Said::Custom {
                name: name.clone(),
                bytes: None,
            }),
            _ => None,
        };
    };
    match Body::decode(kind, &header.class, &body.bytes).ok()? {
        Body::Post { text, reply_to } => Some(Said::Post {
            text: Some(text),
            reply_to,
        }),
        Body::Edit { target, text } => Some(Said::Edit { target, text }),
        Body::Retract { target } => Some(Said::Retract(target)),
        Body::React { target, emoji, on } => Some(Said::React { target, emoji, on }),
        Body::Erase { target } => Some(Said::Erase(target)),
        Body::Joined { .. } => Some(Said::Joined),
        Body::Left => Some(Said::Left),
        Body::Custom { name, bytes } => Some(Said::Custom {
            name,
            bytes: Some(bytes),
        }),
        Body::Opened(_) | Body::Heads(_) | Body::Note(_) => None,
    }
}

/// Compares as a reader reads: `Less` comes first.
fn reading_order(order: Order, left: Position, right: Position) -> Ordering {
    match order {
        Order::OldestFirst => left.cmp(&right),
        Order::NewestFirst => right.cmp(&left),
    }
}

#[cfg(test)]
mod tests;
