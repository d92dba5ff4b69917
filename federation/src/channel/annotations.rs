//! What later entries say of earlier ones: edits, retractions, reactions, erasures.
//!
//! It is noted beside the entry that is spoken of, so that whoever reads that entry needs no
//! search, in pages, so that a further word rewrites little of it. Which of many are kept is a function of the entries alone, whatever the order of their
//! arrival, so that everybody keeps the same.

use std::collections::{BTreeMap, BTreeSet};

use foedus_policy::id::{AuthorId, EntryRef};

use super::judge::Wait;
use super::members::is_author_known;
use super::{Channel, Effect, Unknown};
use crate::batch::{Key, Value};
use crate::bounds::{
    ANNOTATIONS_PER_PAGE_MAX, CHANGES_OF_OWN_MAX, EDITS_WAITING_MAX, REACTIONS_MAX,
};
use crate::damaged::Damaged;
use crate::entry::{Header, LogId};
use crate::keys::ChannelKey;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{Annotation, Annotations, Record};

/// What is stored of what later entries say of one entry, by page.
pub(super) type Pages = BTreeMap<u8, Vec<Annotation>>;

/// Why an edit is not shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Its time is ahead: each edit has a time of its own.
    Time,
    /// We have not agreed to its revision, or don't know its author.
    Word,
}

impl Channel {
    /// Notes on the target what a later entry says of it. Who may say so is checked where the target
    /// is read: it may not be here yet. Entries of `held` wait in the same log, and are not written yet.
    pub(super) fn annotate(
        &mut self,
        header: &Header,
        body: &Body,
        held: &[(u64, Wait)],
        step: &mut Step<'_, Effect>,
    ) {
        if let Some((target, row)) = self.row_of(header, body) {
            let held = held
                .iter()
                .map(|(sequence, wait)| (header.log.entry(*sequence), wait.until.is_some()));
            self.annotate_with(target, row, &held.collect(), step);
        }
    }

    pub(super) fn annotate_with(
        &mut self,
        target: EntryRef,
        row: Annotation,
        held: &BTreeMap<EntryRef, bool>,
        step: &mut Step<'_, Effect>,
    ) {
        let pages = match self.pages_on(target, step) {
            Ok(pages) => pages,
            // Written over, it would be lost for good, and nobody told.
            Err(damage) => return step.damaged(damage),
        };
        let mut rows: Vec<Annotation> = pages.values().flatten().cloned().collect();
        let held = self.held_edits(rows.iter().chain([&row]), held);
        if add(&mut rows, row, |row| held.get(&row.entry()).copied()) {
            self.write_pages(target, pages, &rows, step);
        }
    }

    /// Whether what was said of an entry was read for this step.
    pub(super) fn is_said_known(&self, target: EntryRef, step: &Step<'_, Effect>) -> bool {
        step.try_scanned(&self.keys.annotations(target)).is_some()
    }

    /// Takes out what one entry said, and says whether there was something.
    pub(super) fn take_from_pages(
        &mut self,
        target: EntryRef,
        said_by: EntryRef,
        pages: Pages,
        step: &mut Step<'_, Effect>,
    ) -> bool {
        let rows = pages.values().flatten();
        let others = rows.filter(|row| row.entry() != said_by).cloned();
        let others: Vec<Annotation> = others.collect();
        let found = others.len() < pages.values().map(Vec::len).sum();
        if found {
            self.write_pages(target, pages, &others, step);
        }
        found
    }

    /// Makes `rows` of what the pages hold: of these only those are written that change.
    fn write_pages(
        &mut self,
        target: EntryRef,
        mut pages: Pages,
        rows: &[Annotation],
        step: &mut Step<'_, Effect>,
    ) {
        let entries = |rows: &mut dyn Iterator<Item = &Annotation>| -> BTreeSet<EntryRef> {
            rows.map(Annotation::entry).collect()
        };
        let kept = entries(&mut rows.iter());
        let known = entries(&mut pages.values().flatten());
        let mut changed = BTreeSet::new();
        for (page, held) in &mut pages {
            let count = held.len();
            held.retain(|row| kept.contains(&row.entry()));
            if held.len() < count {
                changed.insert(*page);
            }
        }
        for row in rows.iter().filter(|row| !known.contains(&row.entry())) {
            let has_room =
                |page: &u8| pages.get(page).map_or(0, Vec::len) < ANNOTATIONS_PER_PAGE_MAX;
            // One that is written anyway, if there is one.
            let page = changed.iter().copied().find(has_room);
            let page = page.or_else(|| (0..=u8::MAX).find(has_room));
            let page = page.expect("there is room for several times what is kept");
            pages.entry(page).or_default().push(row.clone());
            changed.insert(page);
        }
        for page in changed {
            let key = self.keys.annotation_page(target, page);
            match pages.remove(&page).filter(|rows| !rows.is_empty()) {
                Some(rows) => step.put(key, Annotations { rows }.to_value()),
                None => step.delete(key),
            }
        }
        self.changed.view = true;
    }

    /// Whether there is room for one more edit of the target that waits for its time.
    pub(super) fn has_room_for_edit(
        &self,
        target: EntryRef,
        log: LogId,
        held: &[(u64, Wait)],
        step: &Step<'_, Effect>,
    ) -> bool {
        let held = held
            .iter()
            .map(|(sequence, wait)| (log.entry(*sequence), wait.until.is_some()));
        let pages = self.pages_on(target, step).unwrap_or_default();
        self.held_edits(pages.values().flatten(), &held.collect())
            .len()
            < EDITS_WAITING_MAX
    }

    /// What was said of an entry, as it is stored.
    ///
    /// # Panics
    /// If the input did not name this read: a fault of the machine.
    pub(super) fn pages_on(
        &self,
        target: EntryRef,
        step: &Step<'_, Effect>,
    ) -> Result<Pages, Damaged> {
        let rows = step.merged(&self.keys.annotations(target));
        let rows = rows
            .expect("what is said of an entry is read before more is said")
            .into_iter();
        let page = |(key, value): (Key, Value)| match ChannelKey::parse(&key) {
            Some((_, ChannelKey::Annotations(_, page))) => {
                Ok((page, Annotations::from_value(&key, &value)?.rows))
            }
            _ => Err(Damaged::new(key, "a page of what is said of an entry")),
        };
        rows.map(page).collect()
    }

    /// Those of the rows that are edits and not shown yet.
    fn held_edits<'a>(
        &self,
        rows: impl Iterator<Item = &'a Annotation>,
        held: &BTreeMap<EntryRef, bool>,
    ) -> BTreeMap<EntryRef, Held> {
        let edits = rows.filter(|row| row.kind == Annotation::EDIT);
        let edits: BTreeMap<EntryRef, &Annotation> = edits.map(|row| (row.entry(), row)).collect();
        if edits.is_empty() {
            return BTreeMap::new();
        }
        let known = edits.iter().filter_map(|(entry, row)| {
            let unknown = Unknown {
                author: AuthorId(row.author),
                written: u64::from(row.revision),
            };
            let (authors, governance) = (&self.authors, &self.governance);
            let known = is_author_known(authors, governance, entry.origin, unknown);
            (!known).then_some((*entry, Held::Word))
        });
        let waiting = self.waiting.values();
        let waiting = waiting.map(|known| (known.entry, known.until.is_some()));
        let waiting = waiting.chain(held.iter().map(|(entry, time)| (*entry, *time)));
        let waiting = waiting.filter(|(entry, _)| edits.contains_key(entry));
        let waiting = waiting.map(|(entry, for_time)| match for_time {
            true => (entry, Held::Time),
            false => (entry, Held::Word),
        });
        known.chain(waiting).collect()
    }

    /// What an entry says of another, and of which.
    pub(super) fn row_of(&self, header: &Header, body: &Body) -> Option<(EntryRef, Annotation)> {
        let (kind, emoji, on) = match body {
            Body::Edit { .. } => (Annotation::EDIT, Vec::new(), true),
            Body::Retract { .. } => (Annotation::RETRACT, Vec::new(), true),
            Body::Erase { .. } => (Annotation::ERASE, Vec::new(), true),
            Body::React { emoji, on, .. } => (Annotation::REACT, emoji.clone().into_bytes(), *on),
            _ => return None,
        };
        let revision = self.governance.revision(header.revision);
        let revision = revision.map_or(0, |revision| revision.charter().number);
        let row = Annotation {
            kind,
            origin: header.log.origin.0,
            incarnation: header.log.incarnation.0,
            sequence: header.sequence,
            author: header.author.0,
            hlc: header.hlc.0,
            revision: u32::try_from(revision).unwrap_or(u32::MAX),
            emoji,
            on: u8::from(on),
        };
        Some((target(body)?, row))
    }
}

/// The entry that an entry with this body speaks of.
pub(super) fn target(body: &Body) -> Option<EntryRef> {
    match body {
        Body::Edit { target, .. }
        | Body::Retract { target }
        | Body::React { target, .. }
        | Body::Erase { target } => Some(*target),
        _ => None,
    }
}

/// Adds a row, and says whether that changed anything. The later of two that say the same counts;
/// but another text that is not shown yet leaves those before it in their place, each of which may
/// be shown sooner: what is kept depends on what there is and on the time, not on what came when.
fn add(
    rows: &mut Vec<Annotation>,
    row: Annotation,
    held: impl Fn(&Annotation) -> Option<Held>,
) -> bool {
    let order = |row: &Annotation| (row.hlc, row.incarnation, row.sequence);
    let added = place(&row);
    let mut same: Vec<Annotation> = rows.extract_if(.., |known| place(known) == added).collect();
    let before = same.clone();
    if same.iter().all(|known| known.entry() != row.entry()) {
        same.push(row);
    }
    same.sort_by_key(|row| std::cmp::Reverse(order(row)));
    let changes = || rows.iter().filter(|row| row.kind != Annotation::REACT);
    let places: BTreeSet<RowPlace> = changes().map(place).collect();
    let spare = EDITS_WAITING_MAX.saturating_sub(changes().count() - places.len());
    keep_until_shown(&mut same, spare, held);
    let is_known = |row: &Annotation| before.contains(row);
    let mut changed = same.len() != before.len() || !same.iter().all(is_known);
    let is_new = before.is_empty();
    let is_reaction = same[0].kind == Annotation::REACT;
    rows.append(&mut same);
    if is_new {
        let surplus = match is_reaction {
            true => surplus_reaction(rows),
            false => surplus_change(rows),
        };
        if let Some(surplus) = surplus {
            changed = surplus != added;
            rows.retain(|row| place(row) != surplus);
        }
    }
    changed
}

/// Of the rows of one place, the latest first: it, and, if it is an edit that is not shown yet, those
/// before it that may be shown sooner, down to the latest that is shown. Of those that wait for the
/// same word only the latest counts. At most `spare` beside the latest.
fn keep_until_shown(
    same: &mut Vec<Annotation>,
    spare: usize,
    held: impl Fn(&Annotation) -> Option<Held>,
) {
    let (mut shown, mut words) = (false, BTreeSet::new());
    same.retain(|row| {
        let why = held(row).filter(|_| row.kind == Annotation::EDIT);
        let kept = !shown && (why != Some(Held::Word) || words.insert(row.revision));
        shown |= why.is_none();
        kept
    });
    let surplus = (same.len() - 1).saturating_sub(spare);
    // The one that is shown now stays, if there is room for one.
    let first = (same.len() - surplus).saturating_sub(1).max(1);
    same.drain(first..first + surplus);
}

/// Of two rows in one place, the later counts.
type RowPlace = (u8, [u8; 32], [u8; 16], Vec<u8>);

fn place(row: &Annotation) -> RowPlace {
    (row.kind, row.origin, row.author, row.emoji.clone())
}

/// The reaction that is one too many: the last of the organisation that has the most, so that
/// none takes the room of another, and none the room of what the author itself says.
fn surplus_reaction(rows: &[Annotation]) -> Option<RowPlace> {
    let mut reactions: Vec<usize> = (0..rows.len())
        .filter(|index| rows[*index].kind == Annotation::REACT)
        .collect();
    if reactions.len() <= REACTIONS_MAX {
        return None;
    }
    reactions.sort_by_key(|index| {
        let row = &rows[*index];
        (row.origin, row.author, &row.emoji)
    });
    let mut rank = 0;
    let mut before: Option<[u8; 32]> = None;
    let ranked = reactions.into_iter().map(|index| {
        let origin = rows[index].origin;
        rank = if before == Some(origin) { rank + 1 } else { 0 };
        before = Some(origin);
        (rank, origin, index)
    });
    ranked.max().map(|(_, _, index)| place(&rows[index]))
}

/// Only the organisation that wrote an entry changes it: what is dropped is its own doing.
fn surplus_change(rows: &[Annotation]) -> Option<RowPlace> {
    let changes = rows.iter().filter(|row| row.kind != Annotation::REACT);
    let places: BTreeMap<_, _> = changes
        .map(|row| ((row.origin, row.author, row.kind), place(row)))
        .collect();
    if places.len() <= CHANGES_OF_OWN_MAX {
        return None;
    }
    places.into_values().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaction(origin: u8, author: u16, hlc: u64) -> Annotation {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&author.to_be_bytes());
        Annotation {
            kind: Annotation::REACT,
            origin: [origin; 32],
            incarnation: [1; 16],
            sequence: hlc,
            author: id,
            hlc,
            revision: 1,
            emoji: b"+1".to_vec(),
            on: 1,
        }
    }

    fn sorted(mut rows: Vec<Annotation>) -> Vec<(u8, [u8; 32], [u8; 16], u64)> {
        rows.sort_by_key(|row| (row.kind, row.origin, row.author));
        let short = |row: Annotation| (row.kind, row.origin, row.author, row.hlc);
        rows.into_iter().map(short).collect()
    }

    /// One organisation with very many, others with few, in several orders: the same is kept, and
    /// none of the others' is missing.
    #[test]
    fn what_is_kept_does_not_depend_on_the_order() {
        let mut all: Vec<Annotation> = (0..2 * REACTIONS_MAX as u16)
            .map(|n| reaction(9, n, 1_000 + u64::from(n)))
            .collect();
        all.extend((0..40).map(|n| reaction(1, n, 5_000 + u64::from(n))));
        all.extend((0..40).map(|n| reaction(200, n, 5_000 + u64::from(n))));
        let retraction = Annotation {
            kind: Annotation::RETRACT,
            ..reaction(1, 0, 9_000)
        };
        all.push(retraction.clone());
        let mut kept = Vec::new();
        for stride in [1, 7, 101, 331] {
            let mut rows = Vec::new();
            for start in 0..stride {
                for row in all.iter().skip(start).step_by(stride) {
                    add(&mut rows, row.clone(), |_| None);
                }
            }
            assert!(rows.contains(&retraction));
            assert_eq!(rows.len(), REACTIONS_MAX + 1);
            let of = |origin: u8| rows.iter().filter(|row| row.origin == [origin; 32]).count();
            assert_eq!((of(1), of(200)), (41, 40));
            kept.push(sorted(rows));
        }
        assert!(kept.iter().all(|rows| *rows == kept[0]));
    }

    #[test]
    fn the_later_counts_and_what_changes_nothing_is_not_written() {
        let mut rows = Vec::new();
        assert!(add(&mut rows, reaction(1, 1, 5), |_| None));
        assert!(!add(&mut rows, reaction(1, 1, 4), |_| None));
        assert!(add(
            &mut rows,
            Annotation {
                on: 0,
                ..reaction(1, 1, 6)
            },
            |_| None
        ));
        assert_eq!((rows.len(), rows[0].on), (1, 0));
    }

    #[test]
    fn changes_of_own_have_room_of_their_own() {
        let mut rows = Vec::new();
        for author in 0..CHANGES_OF_OWN_MAX as u16 + 10 {
            let edit = Annotation {
                kind: Annotation::EDIT,
                ..reaction(1, author, 1)
            };
            assert_eq!(
                add(&mut rows, edit, |_| None),
                usize::from(author) < CHANGES_OF_OWN_MAX
            );
        }
        assert_eq!(rows.len(), CHANGES_OF_OWN_MAX);
    }

    fn edit(hlc: u64) -> Annotation {
        Annotation {
            kind: Annotation::EDIT,
            ..reaction(1, 1, hlc)
        }
    }

    /// Another text that waits for its time leaves those before it, whatever comes first.
    #[test]
    fn what_waits_takes_nobodys_place_yet() {
        let orders = [[1, 2, 8, 9], [9, 2, 8, 1], [2, 9, 1, 8], [8, 9, 2, 1]];
        for order in orders {
            let mut rows = Vec::new();
            for hlc in order {
                add(&mut rows, edit(hlc), |row| {
                    (row.hlc > 7).then_some(Held::Time)
                });
            }
            let mut kept: Vec<u64> = rows.iter().map(|row| row.hlc).collect();
            kept.sort_unstable();
            assert_eq!(kept, [2, 8, 9], "{order:?}");
            // The time of one has come, and something is said again.
            assert!(add(&mut rows, edit(1), |row| (row.hlc > 8)
                .then_some(Held::Time)));
            assert_eq!(rows.len(), 2);
            // The time of all has come, and another follows.
            assert!(add(&mut rows, edit(10), |_| None));
            assert_eq!(rows.len(), 1);
        }
    }

    /// What waits for one and the same word is shown all at once: the last of it, that is.
    #[test]
    fn of_what_waits_there_is_an_end() {
        let mut rows = Vec::new();
        for hlc in 0..1_000 {
            add(&mut rows, edit(hlc), |row| {
                (row.hlc > 0).then_some(Held::Word)
            });
        }
        assert_eq!(sorted(rows.clone()).len(), 2);
        for hlc in 1_000..2_000 {
            add(&mut rows, edit(hlc), |row| {
                (row.hlc > 0).then_some(Held::Time)
            });
        }
        assert_eq!(rows.len(), 1 + EDITS_WAITING_MAX);
        let of = |hlc| rows.iter().any(|row| row.hlc == hlc);
        assert!(of(0) && of(1_999));
        // Another author has room all the same.
        let other = |hlc| Annotation {
            author: [9; 16],
            ..edit(hlc)
        };
        assert!(add(&mut rows, other(5), |_| Some(Held::Time)));
        assert!(add(&mut rows, other(6), |_| Some(Held::Time)));
        assert_eq!(rows.len(), 2 + EDITS_WAITING_MAX);
    }

    #[test]
    fn all_that_is_kept_fits_into_one_value() {
        let long = Annotation {
            emoji: vec![b'x'; crate::bounds::EMOJI_BYTES_MAX],
            ..reaction(1, 1, 1)
        };
        // Each change may have one behind it that waits.
        let edit = Annotation {
            kind: Annotation::EDIT,
            emoji: Vec::new(),
            ..long.clone()
        };
        let mut rows = vec![long; REACTIONS_MAX];
        rows.extend(vec![edit; 2 * CHANGES_OF_OWN_MAX]);
        assert!(Annotations { rows }.to_value().len() < 64 * 1024);
    }
}
