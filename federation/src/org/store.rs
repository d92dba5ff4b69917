//! The organisation's notes, and what else is kept beside its state, as records: one kind each.

use super::Org;
use crate::batch::Key;
use crate::keys;
use crate::steploop::Step;
use crate::stored::{self, Record};

/// An identity note; the id is the organisation's and the note's serial.
pub(super) const IDENTITY: u8 = b'i';
/// Who introduced an organisation.
pub(super) const INTRODUCED: u8 = b'b';
/// One of two identity notes of one organisation and one serial; the id is the organisation's and
/// a number.
pub(super) const CONFLICT: u8 = b'c';
/// An endpoints note.
pub(super) const ENDPOINTS: u8 = b'e';
/// An address that an invitation named; the id is the organisation's and a number.
pub(super) const ADDRESS: u8 = b'd';
/// Our side of a peering.
pub(super) const PEERING: u8 = b'p';
/// Their side of it.
pub(super) const THEIR_PEERING: u8 = b'q';
/// A charter that waits for our answer.
pub(super) const OFFER: u8 = b'o';
/// The head of the audit log.
pub(crate) const AUDIT: u8 = b'a';
/// What the clocks said when the wall clock was last relied on.
pub(crate) const CLOCK: u8 = b'w';
/// The version of the state.
pub(crate) const VERSION: u8 = b'v';

/// The key of one record; `id` is empty where there is one of a kind.
pub(super) fn note_key(kind: u8, id: &[u8]) -> Key {
    keys::org_note(kind, id)
}

impl Org {
    pub(super) fn delete_note<E>(&mut self, kind: u8, id: &[u8], step: &mut Step<'_, E>) {
        step.delete(note_key(kind, id));
        self.changed = true;
    }

    pub(super) fn put_note<E>(
        &mut self,
        kind: u8,
        id: &[u8],
        bytes: &[u8],
        step: &mut Step<'_, E>,
    ) {
        let note = stored::StoredNote {
            order: 0,
            bytes: bytes.to_vec(),
        };
        step.put(note_key(kind, id), note.to_value());
        self.changed = true;
    }

    pub(super) fn write_version<E>(&self, step: &mut Step<'_, E>) {
        let version = stored::StateVersion {
            version: self.snapshot.state.version(),
        };
        step.put(note_key(VERSION, &[]), version.to_value());
    }
}
