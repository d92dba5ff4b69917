//! What is durably true of one channel: the snapshot from which links, readers and the API work.

use std::sync::Arc;

use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, NoteHash, OrgId, RunId};
use foedus_policy::time::Timestamp;

use super::members::{Authors, is_author_known};
use super::{Channel, Governance, Log};
use crate::entry::LogId;
use crate::frame::Cursor;
use crate::stored::{self, RunEnd};

/// An entry that is stored and acknowledged, and not shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub entry: EntryRef,
    /// Shown once our wall clock says this, if it lies ahead of it.
    pub until: Option<Timestamp>,
    /// Shown once we agreed to this revision, by its number.
    pub revision: Option<u64>,
    /// Shown once it is known who wrote it.
    pub author: Option<Unknown>,
}

impl Waiting {
    pub(super) fn to_record(self) -> stored::Waiting {
        stored::Waiting {
            origin: self.entry.origin.0,
            incarnation: self.entry.incarnation.0,
            sequence: self.entry.sequence,
            until: self.until.map(|until| until.0),
            revision: self.revision,
            author: self.author.map(|unknown| stored::Unknown {
                author: unknown.author.0,
                written: unknown.written,
            }),
        }
    }

    pub(super) fn of_record(record: stored::Waiting) -> Self {
        Self {
            entry: EntryRef {
                origin: OrgId(record.origin),
                incarnation: IncarnationId(record.incarnation),
                sequence: record.sequence,
            },
            until: record.until.map(Timestamp),
            revision: record.revision,
            author: record.author.map(|unknown| Unknown {
                author: AuthorId(unknown.author),
                written: unknown.written,
            }),
        }
    }
}

/// An author who has not joined, as far as is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// Who.
    pub author: AuthorId,
    /// The number of the revision under which the entry was written: it says which kinds of authors
    /// may write. 0 in a local channel.
    pub written: u64,
}

/// A snapshot of one channel.
#[derive(Debug, Clone)]
pub struct ChannelView {
    /// The channel.
    pub channel: ChannelId,
    /// Whose view it is.
    pub us: OrgId,
    /// The run by which cursors are named: the one that made the last arrivals, so that a run in
    /// which nothing arrives gives cursors that the next one knows.
    pub run: RunId,
    /// Number of the last arrival.
    pub arrival: u64,
    /// Where earlier runs ended.
    pub runs: Arc<[RunEnd]>,
    /// The heads of all logs.
    pub logs: imbl::OrdMap<LogId, Log>,
    /// The charter and what was said about it.
    pub governance: Arc<Governance>,
    /// Who writes, or wrote, here.
    pub authors: Authors,
    /// What is held back for time or for want of an agreement, by arrival and place.
    pub waiting: imbl::OrdMap<(u64, u16), Waiting>,
}

impl ChannelView {
    /// Where a reader stands who has seen everything.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            run: self.run,
            arrival: self.arrival,
        }
    }

    /// Whether our arrival numbers mean to us what they meant when the cursor was given.
    pub fn knows(&self, cursor: Cursor) -> bool {
        is_known(cursor, self.cursor(), &self.runs)
    }

    /// Whether entries, bodies and signals may still pass between us and `partner` at `wall`, the
    /// latest time that it may be. Whoever signed that it is over takes nothing more, and its clock may be ahead of ours.
    pub fn is_open_to(&self, partner: OrgId, wall: Timestamp) -> bool {
        let is_over_there = self.governance.final_record_of(partner).is_some();
        self.governance.is_open(wall) && self.governance.takes_part(partner) && !is_over_there
    }

    /// Whether the body of an entry that `origin` wrote under `revision` may be handed to `to`.
    pub fn may_hand_body(&self, origin: OrgId, revision: NoteHash, to: OrgId) -> bool {
        self.governance.may_hand_body(origin, revision, to)
    }

    /// Whether something that is held back may be shown although nothing more comes in: as time
    /// passes, or with the next tick. What waits for its author waits for what others say.
    pub fn may_show_more(&self) -> bool {
        let known = |waiting: &Waiting| {
            let (authors, governance) = (&self.authors, &self.governance);
            let author = waiting.author;
            author.is_none_or(|author| {
                is_author_known(authors, governance, waiting.entry.origin, author)
            })
        };
        self.waiting.values().any(known)
    }

    /// Whether an entry is held back.
    pub fn is_waiting(&self, entry: EntryRef) -> bool {
        // What waits is little; a set of its own would have to be kept in step.
        self.waiting.values().any(|waiting| waiting.entry == entry)
    }
}

/// Whether a cursor is a position of a store that stands at `newest`, and in which earlier runs
/// ended as `runs` says.
fn is_known(cursor: Cursor, newest: Cursor, runs: &[RunEnd]) -> bool {
    // Before the first arrival all stores are alike.
    if cursor.arrival == 0 {
        return true;
    }
    if cursor.run == newest.run {
        return cursor.arrival <= newest.arrival;
    }
    let end = runs.iter().find(|end| end.run == cursor.run.0);
    end.is_some_and(|end| cursor.arrival <= end.arrival)
}

impl Channel {
    /// Where a reader stands who has seen everything.
    fn newest_cursor(&self) -> Cursor {
        Cursor {
            run: RunId(self.head.last_run.unwrap_or(self.run.0)),
            arrival: self.head.arrival,
        }
    }

    /// As [`ChannelView::knows`], of what is not durable yet.
    pub(super) fn knows(&self, cursor: Cursor) -> bool {
        is_known(cursor, self.newest_cursor(), &self.head.runs)
    }

    /// What is true of the channel; durably so if the machine is settled.
    pub fn view(&self) -> Arc<ChannelView> {
        Arc::new(ChannelView {
            channel: self.keys.channel(),
            us: self.ours.org,
            run: self.newest_cursor().run,
            arrival: self.head.arrival,
            runs: self.head.runs.clone().into(),
            logs: self.logs.clone(),
            governance: self.governance.clone(),
            authors: self.authors.clone(),
            waiting: self.waiting.clone(),
        })
    }
}
