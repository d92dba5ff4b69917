//! What later entries say of earlier ones: edits, retractions, reactions, erasures.
//!
//! It is noted beside the entry that is spoken of, so that whoever reads that entry needs no
//! search. Which of many are kept is a function of the entries alone, whatever the order of their
//! arrival, so that everybody keeps the same.

use foedus_policy::id::{AuthorId, EntryRef};

use super::{Channel, Effect};
use crate::bounds::{CHANGES_OF_OWN_MAX, REACTIONS_MAX};
use crate::hlc::Hlc;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{Annotation, Annotations, Record};

impl Channel {
    /// Notes on the target what a later entry says of it. Who may say so is checked where the
    /// target is read: it may not be here yet.
    pub(super) fn annotate(
        &mut self,
        entry: EntryRef,
        author: AuthorId,
        hlc: Hlc,
        body: &Body,
        step: &mut Step<'_, Effect>,
    ) {
        if let Some((target, row)) = row_of(entry, author, hlc, body) {
            self.annotate_with(target, row, step);
        }
    }

    pub(super) fn annotate_with(
        &mut self,
        target: EntryRef,
        row: Annotation,
        step: &mut Step<'_, Effect>,
    ) {
        let key = self.keys.annotations(target);
        let known = step
            .get(&key)
            .and_then(|value| Annotations::from_value(&key, value).ok());
        let mut annotations = known.unwrap_or(Annotations { rows: Vec::new() });
        if add(&mut annotations.rows, row) {
            step.put(key, annotations.to_value());
            self.changed.view = true;
        }
    }
}

/// What an entry says of another, and of which.
pub(super) fn row_of(
    entry: EntryRef,
    author: AuthorId,
    hlc: Hlc,
    body: &Body,
) -> Option<(EntryRef, Annotation)> {
    let (kind, emoji, on) = match body {
        Body::Edit { .. } => (Annotation::EDIT, Vec::new(), true),
        Body::Retract { .. } => (Annotation::RETRACT, Vec::new(), true),
        Body::Erase { .. } => (Annotation::ERASE, Vec::new(), true),
        Body::React { emoji, on, .. } => (Annotation::REACT, emoji.clone().into_bytes(), *on),
        _ => return None,
    };
    let row = Annotation {
        kind,
        origin: entry.origin.0,
        incarnation: entry.incarnation.0,
        sequence: entry.sequence,
        author: author.0,
        hlc: hlc.0,
        emoji,
        on: u8::from(on),
    };
    Some((target(body)?, row))
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

/// Adds a row, and says whether that changed anything. The later of two that say the same counts.
fn add(rows: &mut Vec<Annotation>, row: Annotation) -> bool {
    let place = |row: &Annotation| (row.kind, row.origin, row.author, row.emoji.clone());
    let order = |row: &Annotation| (row.hlc, row.incarnation, row.sequence);
    if let Some(known) = rows.iter_mut().find(|known| place(known) == place(&row)) {
        let is_later = order(&row) > order(known);
        if is_later {
            *known = row;
        }
        return is_later;
    }
    let is_reaction = row.kind == Annotation::REACT;
    let added = place(&row);
    rows.push(row);
    let surplus = match is_reaction {
        true => surplus_reaction(rows),
        false => surplus_change(rows),
    };
    match surplus {
        Some(index) => place(&rows.swap_remove(index)) != added,
        None => true,
    }
}

/// The reaction that is one too many: the last of the organisation that has the most, so that
/// none takes the room of another, and none the room of what the author itself says.
fn surplus_reaction(rows: &[Annotation]) -> Option<usize> {
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
    ranked.max().map(|(_, _, index)| index)
}

/// Only the organisation that wrote an entry changes it: what is dropped is its own doing.
fn surplus_change(rows: &[Annotation]) -> Option<usize> {
    let changes = (0..rows.len()).filter(|index| rows[*index].kind != Annotation::REACT);
    let changes: Vec<usize> = changes.collect();
    if changes.len() <= CHANGES_OF_OWN_MAX {
        return None;
    }
    changes.into_iter().max_by_key(|index| {
        let row = &rows[*index];
        (row.origin, row.author, row.kind)
    })
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
                    add(&mut rows, row.clone());
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
        assert!(add(&mut rows, reaction(1, 1, 5)));
        assert!(!add(&mut rows, reaction(1, 1, 4)));
        assert!(add(
            &mut rows,
            Annotation {
                on: 0,
                ..reaction(1, 1, 6)
            }
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
                add(&mut rows, edit),
                usize::from(author) < CHANGES_OF_OWN_MAX
            );
        }
        assert_eq!(rows.len(), CHANGES_OF_OWN_MAX);
    }

    #[test]
    fn all_that_is_kept_fits_into_one_value() {
        let long = Annotation {
            emoji: vec![b'x'; crate::bounds::EMOJI_BYTES_MAX],
            ..reaction(1, 1, 1)
        };
        let rows = vec![long; REACTIONS_MAX + CHANGES_OF_OWN_MAX];
        assert!(Annotations { rows }.to_value().len() < 64 * 1024);
    }
}
