//! What later entries say of earlier ones: edits, retractions, reactions, erasures.
//!
//! It is noted beside the entry that is spoken of, so that whoever reads that entry needs no
//! search. Which of many are kept is a function of the entries alone, whatever the order of their
//! arrival, so that everybody keeps the same.

use std::collections::BTreeMap;

use foedus_policy::id::EntryRef;

use super::{Channel, Effect};
use crate::bounds::{CHANGES_OF_OWN_MAX, REACTIONS_MAX};
use crate::entry::Header;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{Annotation, Annotations, Record};

impl Channel {
    /// Notes on the target what a later entry says of it, which `waits` to be shown or does not.
    /// Who may say so is checked where the target is read: it may not be here yet.
    pub(super) fn annotate(
        &mut self,
        header: &Header,
        body: &Body,
        waits: bool,
        step: &mut Step<'_, Effect>,
    ) {
        if let Some((target, row)) = self.row_of(header, body) {
            self.annotate_with(target, row, waits, step);
        }
    }

    pub(super) fn annotate_with(
        &mut self,
        target: EntryRef,
        row: Annotation,
        waits: bool,
        step: &mut Step<'_, Effect>,
    ) {
        let key = self.keys.annotations(target);
        let known = step
            .get(&key)
            .map(|value| Annotations::from_value(&key, value));
        let mut annotations = match known.transpose() {
            Ok(known) => known.unwrap_or(Annotations { rows: Vec::new() }),
            // Written over, it would be lost for good, and nobody told.
            Err(damage) => return step.damaged(damage),
        };
        let own = row.entry();
        let waiting = |entry: EntryRef| match entry == own {
            true => waits,
            false => self.waiting.values().any(|known| known.entry == entry),
        };
        if add(&mut annotations.rows, row, waiting) {
            step.put(key, annotations.to_value());
            self.changed.view = true;
        }
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
/// but another text that still waits to be shown leaves the one before it in its place until then.
fn add(rows: &mut Vec<Annotation>, row: Annotation, waiting: impl Fn(EntryRef) -> bool) -> bool {
    let order = |row: &Annotation| (row.hlc, row.incarnation, row.sequence);
    let added = place(&row);
    let mut same: Vec<Annotation> = rows.extract_if(.., |known| place(known) == added).collect();
    let before = same.clone();
    if same.iter().all(|known| known.entry() != row.entry()) {
        same.push(row);
    }
    same.sort_by_key(|row| std::cmp::Reverse(order(row)));
    let waits = |row: &Annotation| row.kind == Annotation::EDIT && waiting(row.entry());
    // The latest of all, and if that waits, the latest that does not.
    let shown = same.iter().position(|row| !waits(row)).unwrap_or(0);
    let is_kept = |index: usize| index == 0 || index == shown;
    let mut index = 0;
    same.retain(|_| (is_kept(index), index += 1).0);
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
                    add(&mut rows, row.clone(), |_| false);
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
        assert!(add(&mut rows, reaction(1, 1, 5), |_| false));
        assert!(!add(&mut rows, reaction(1, 1, 4), |_| false));
        assert!(add(
            &mut rows,
            Annotation {
                on: 0,
                ..reaction(1, 1, 6)
            },
            |_| false
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
                add(&mut rows, edit, |_| false),
                usize::from(author) < CHANGES_OF_OWN_MAX
            );
        }
        assert_eq!(rows.len(), CHANGES_OF_OWN_MAX);
    }

    /// Another text that waits for its time leaves the one before it, whatever comes first.
    #[test]
    fn what_waits_takes_nobodys_place_yet() {
        let edit = |hlc| Annotation {
            kind: Annotation::EDIT,
            ..reaction(1, 1, hlc)
        };
        let orders = [[1, 2, 9], [9, 2, 1], [2, 9, 1]];
        for order in orders {
            let mut rows = Vec::new();
            for hlc in order {
                add(&mut rows, edit(hlc), |entry| entry.sequence == 9);
            }
            let mut kept: Vec<u64> = rows.iter().map(|row| row.hlc).collect();
            kept.sort_unstable();
            assert_eq!(kept, [2, 9]);
            // Its time has come, and another follows.
            assert!(add(&mut rows, edit(10), |_| false));
            assert_eq!(rows.len(), 1);
        }
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
