//! New keys of our own: another incarnation under them, and notes of ours signed anew for whoever still lacks them.
//!
//! Knows nothing of how the keys were made, nor of who has heard of them.

use std::sync::Arc;

use super::{Channel, Effect};
use crate::evidence::GovernanceNote;
use crate::key::SigningKey;
use crate::note::{KeyName, SignedNote};
use crate::snapshot::OurKeys;
use crate::steploop::Step;

impl Channel {
    /// From here on we write under these keys. An incarnation is written under one key: what comes next begins another.
    pub(super) fn on_renewed(&mut self, keys: &Arc<OurKeys>, step: &mut Step<'_, Effect>) {
        if self.ours.sign.verifying_key() == keys.sign.verifying_key() {
            self.ours = keys.clone();
            return;
        }
        if !self.changed.appended.is_empty() {
            // One signature covers what a step appends, and that is by the key of its incarnation.
            return step.leave(step.done() + 1);
        }
        self.close_incarnation(step);
        self.ours = keys.clone();
    }

    /// A note as others are to be sent it. Those of ours that an older key signed are signed anew: to whoever does not
    /// hold them yet that key is nobody's. Text and hash stay the same, and so does what is stored.
    pub(super) fn as_sent(&self, bytes: &[u8]) -> Vec<u8> {
        signed_anew(bytes, KeyName::Sign(self.ours.org), &self.ours.sign)
            .unwrap_or_else(|| bytes.to_vec())
    }
}

/// The same text under `key`, if it is a note of the one whose key is called `name`, and `key` has not signed it.
pub(super) fn signed_anew(bytes: &[u8], name: KeyName, key: &SigningKey) -> Option<Vec<u8>> {
    let signed = SignedNote::parse(bytes).ok()?;
    if signed.claims_key(name, key.verifying_key()) {
        return None;
    }
    // Whoever's note it is put their name into the text: lines under it may say anything.
    let note = GovernanceNote::read_back(signed.hash(), bytes).ok()?;
    (note.signer() == name).then(|| SignedNote::sign(signed.text(), name, key).into_bytes())
}
