//! A page of a channel's history: a merge of its logs, from a position on.
//!
//! Each log is a lane of the merge. One of which nothing can come before what is at hand is not
//! read at all.

use std::mem;
use std::sync::Arc;

use foedus_policy::id::{AuthorId, EntryRef};
use foedus_policy::time::Timestamp;

use super::lane::{Lane, Order};
use super::{Fold, Held, Lens, Message, Position, Reaction, Said, edit_text, reading_order};
use crate::batch::Reading;
use crate::bounds::{
    EMOJI_BYTES_MAX, TIMELINE_PAGE_BYTES_MAX, TIMELINE_PAGE_ITEMS_MAX, TIMELINE_SCANNED_MAX,
};
use crate::channel::ChannelView;
use crate::damaged::Damaged;
use crate::hlc::Hlc;
use crate::kind::CustomName;
use crate::steploop::Rows;

/// What an item of the history is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message.
    Message(Message),
    /// The author joined, or has another address or name from here on.
    Joined,
    /// The author left.
    Left,
    /// An event that the charter names.
    Custom {
        /// Its name.
        name: CustomName,
        /// Its content; `None` if it is not here.
        bytes: Option<Vec<u8>>,
    },
}

/// One item of the history, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The entry that began it.
    pub entry: EntryRef,
    /// The time that its origin signed.
    pub hlc: Hlc,
    /// When it was stored here.
    pub arrived: Timestamp,
    /// Who wrote it, in the log of the entry's origin.
    pub author: AuthorId,
    /// What it is.
    pub what: What,
    /// The reactions, in the order of their first appearance.
    pub reactions: Vec<Reaction>,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// In the order asked for. May be fewer than asked for, even none, while there is a next.
    pub items: Vec<Item>,
    /// Where the next page begins; `None`: there is nothing more.
    pub next: Option<Position>,
}

/// Reads one page.
#[derive(Debug)]
pub struct HistoryReader {
    lens: Lens,
    order: Order,
    from: Option<Position>,
    thread: Option<EntryRef>,
    limit: usize,
    lanes: Vec<Lane>,
    found: Vec<Held>,
    scanned: usize,
    last: Option<Position>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Merging; the lanes whose reads were asked for.
    Merging(Vec<usize>),
    /// What was said of the items was asked for.
    Folding,
    /// The newest texts were asked for, two reads for each of these items.
    Editing(Vec<Fold>, Vec<usize>),
}

impl HistoryReader {
    /// A reader of the page after `from`, of at most `limit` items. With `thread`, only that
    /// message and the answers to it.
    pub fn new(
        view: Arc<ChannelView>,
        order: Order,
        from: Option<Position>,
        thread: Option<EntryRef>,
        limit: usize,
    ) -> Self {
        let lens = Lens::new(view);
        let lanes = lens
            .view
            .logs
            .iter()
            .filter(|(_, log)| log.size() > 0)
            .map(|(id, log)| Lane::new(*id, log.size(), log.hlc, order, from))
            .collect();
        Self {
            lens,
            order,
            from,
            thread,
            limit: limit.clamp(1, TIMELINE_PAGE_ITEMS_MAX),
            lanes,
            found: Vec::new(),
            scanned: 0,
            last: None,
            phase: Phase::Merging(Vec::new()),
        }
    }

    /// Goes on with what was read; the first call brings nothing.
    ///
    /// # Panics
    /// If there is not one answer for each read: a fault of the caller.
    pub fn advance(&mut self, rows: Vec<Rows>) -> Result<Reading<Page>, Damaged> {
        match mem::replace(&mut self.phase, Phase::Folding) {
            Phase::Merging(asked) => {
                assert_eq!(asked.len(), rows.len(), "each read has one answer");
                for (index, rows) in asked.into_iter().zip(rows) {
                    self.lanes[index].absorb(&self.lens, self.order, self.from, rows)?;
                }
                self.merge()
            }
            Phase::Folding => self.fold(rows),
            Phase::Editing(folds, edited) => self.finish(folds, &edited, rows),
        }
    }

    fn merge(&mut self) -> Result<Reading<Page>, Damaged> {
        loop {
            if self.found.len() >= self.limit || self.scanned >= TIMELINE_SCANNED_MAX {
                return Ok(self.ask_annotations());
            }
            let best = self.best();
            let needed: Vec<usize> = (0..self.lanes.len())
                .filter(|index| {
                    let lane = &self.lanes[*index];
                    let first = best.map(|best| self.lanes[best].first());
                    lane.is_empty()
                        && lane.has_more(self.order)
                        && lane.may_precede(self.order, first)
                })
                .collect();
            if !needed.is_empty() {
                let reads = needed
                    .iter()
                    .map(|index| self.lanes[*index].read(self.order, self.lens.keys))
                    .collect();
                self.phase = Phase::Merging(needed);
                return Ok(Reading::Read(reads));
            }
            let Some(best) = best else {
                self.last = None;
                return Ok(self.ask_annotations());
            };
            let held = self.lanes[best].pop();
            self.scanned += 1;
            self.last = Some(held.position);
            if self.is_item(&held) {
                self.found.push(held);
            }
        }
    }

    /// The lane whose first entry at hand comes first.
    fn best(&self) -> Option<usize> {
        let at_hand = self.lanes.iter().enumerate();
        at_hand
            .filter(|(_, lane)| !lane.is_empty())
            .min_by(|(_, left), (_, right)| reading_order(self.order, left.first(), right.first()))
            .map(|(index, _)| index)
    }

    fn is_item(&self, held: &Held) -> bool {
        let shown = matches!(
            held.said,
            Some(Said::Post { .. } | Said::Custom { .. } | Said::Joined | Said::Left)
        );
        let Some(thread) = self.thread else {
            return shown;
        };
        held.position.entry() == thread
            || matches!(held.said, Some(Said::Post { reply_to: Some(answered), .. }) if answered == thread)
    }

    fn ask_annotations(&mut self) -> Reading<Page> {
        if self.found.is_empty() {
            return Reading::Ready(Page {
                items: Vec::new(),
                next: self.last,
            });
        }
        let entries = self.found.iter().map(|held| held.position.entry());
        let reads = entries
            .map(|entry| self.lens.annotations_of(entry))
            .collect();
        self.phase = Phase::Folding;
        Reading::Read(reads)
    }

    fn fold(&mut self, rows: Vec<Rows>) -> Result<Reading<Page>, Damaged> {
        assert_eq!(self.found.len(), rows.len(), "each read has one answer");
        let mut folds = Vec::with_capacity(rows.len());
        let mut edited = Vec::new();
        let mut reads = Vec::new();
        for (index, (held, rows)) in self.found.iter().zip(&rows).enumerate() {
            let fold = self.lens.fold(held.position.entry(), held.author, rows)?;
            let is_post = matches!(held.said, Some(Said::Post { .. }));
            if let Some(edit) = fold.text_of().filter(|_| is_post) {
                edited.push(index);
                reads.push(self.lens.keys.run_of(edit.entry()));
                reads.push(self.lens.annotations_of(edit.entry()));
            }
            folds.push(fold);
        }
        if reads.is_empty() {
            return self.finish(folds, &[], Vec::new());
        }
        self.phase = Phase::Editing(folds, edited);
        Ok(Reading::Read(reads))
    }

    fn finish(
        &mut self,
        folds: Vec<Fold>,
        edited: &[usize],
        rows: Vec<Rows>,
    ) -> Result<Reading<Page>, Damaged> {
        assert_eq!(edited.len() * 2, rows.len(), "each read has one answer");
        let mut texts = vec![None; folds.len()];
        for (index, rows) in edited.iter().zip(rows.chunks_exact(2)) {
            let edit = folds[*index]
                .edit
                .expect("it was asked for because there is one");
            texts[*index] = edit_text(&self.lens, edit, &rows[0], &rows[1])?;
        }
        let mut page = Page {
            items: Vec::with_capacity(folds.len()),
            next: self.last,
        };
        let mut bytes = 0;
        let found = mem::take(&mut self.found);
        for ((held, fold), text) in found.into_iter().zip(folds).zip(texts) {
            let position = held.position;
            let item = item(held, fold, text);
            bytes += item.bytes();
            if bytes > TIMELINE_PAGE_BYTES_MAX && !page.items.is_empty() {
                let last = page.items.last().expect("there is one");
                page.next = Some(Position {
                    hlc: last.hlc,
                    origin: last.entry.origin,
                    incarnation: last.entry.incarnation,
                    sequence: last.entry.sequence,
                });
                break;
            }
            assert_eq!(position.entry(), item.entry, "one entry each");
            page.items.push(item);
        }
        Ok(Reading::Ready(page))
    }
}

impl Item {
    /// Roughly what it takes to say it, so that a page stays within a message.
    fn bytes(&self) -> usize {
        let text = match &self.what {
            What::Message(message) => message.text.as_ref().map_or(0, String::len),
            What::Custom { bytes, .. } => bytes.as_ref().map_or(0, Vec::len),
            What::Joined | What::Left => 0,
        };
        let authors: usize = self.reactions.iter().map(|given| given.authors.len()).sum();
        text + ITEM_BYTES * (1 + authors) + EMOJI_BYTES_MAX * self.reactions.len()
    }
}

/// References, times and an author of one item, with room for an address and a name.
const ITEM_BYTES: usize = 512;

fn item(held: Held, fold: Fold, edit: Option<String>) -> Item {
    let what = match held.said.expect("only what counts is an item") {
        Said::Post { text, reply_to } => {
            let mut message = Message {
                absent: text.is_none(),
                text,
                reply_to,
                ..Message::default()
            };
            fold.apply(&mut message, edit);
            What::Message(message)
        }
        Said::Custom { name, bytes } => What::Custom {
            name,
            bytes: bytes.filter(|_| !fold.erased),
        },
        Said::Joined => What::Joined,
        Said::Left => What::Left,
        Said::Edit { .. } | Said::Retract(_) | Said::React { .. } | Said::Erase(_) => {
            unreachable!("changes are no items")
        }
    };
    Item {
        entry: held.position.entry(),
        hlc: held.position.hlc,
        arrived: held.arrived,
        author: held.author,
        what,
        reactions: fold.reactions,
    }
}
