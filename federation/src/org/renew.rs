//! New operational keys of our own: the identity note that names them, and what is signed anew under them.
//!
//! Knows nothing of key files, nor of who is told.

use std::sync::Arc;

use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::decide::{Decision, decide};
use foedus_policy::id::OrgId;
use foedus_policy::time::Now;

use super::store::PEERING;
use super::{Effect, Org, OurKeys, Refused};
use crate::note::NoteType as _;
use crate::record::Endpoints;
use crate::steploop::{Failure, Step};

impl Org {
    /// Puts the new keys in the place of those in use, and signs anew what partners are shown of us. `None`: the rest
    /// is for the next step.
    ///
    /// The note is durable before anything is signed under the new keys that somebody else sees: a crash before
    /// leaves the keys that were in use, one after it leaves the new ones, and whoever starts finds out which by the
    /// note.
    pub(super) fn renew(
        &mut self,
        now: Now,
        actor: &Actor,
        action: &Action,
        keys: &Arc<OurKeys>,
        step: &mut Step<'_, Effect>,
    ) -> Option<Result<Outcome, Refused>> {
        let known = self.snapshot.identities.get(&keys.org);
        let is_done = known.map(|known| known.newest()) == Some(keys.identity.newest());
        if !is_done {
            if !self.audit.pending.is_empty() {
                // One signature covers what a step adds to the audit log, and that is by the keys in use.
                step.leave(step.done() + 1);
                return None;
            }
            if let Decision::Deny(reason) = decide(self.state(), actor, action, now.wall) {
                self.audit_denial(now, actor, action, reason, step);
                return Some(Err(Refused::Denied(reason)));
            }
            // Another renewal came first, whose keys are not in their place yet: these would be named by nothing.
            let Some(newer) = self.newer_identity(&keys.identity) else {
                return Some(Err(Refused::Failed(Failure::Conflict)));
            };
            self.ours = Some(keys.clone());
            self.put_identity(newer, step);
            // The log of one key ends here, and that of the other begins with this very act.
            self.audit.run = None;
            let done = self.act(now, actor, action, [0; 64], &[], step);
            done.expect("it was permitted just now");
            self.sign_endpoints_anew(keys, step);
        }
        self.sign_peerings_anew(keys, step)
            .then_some(Ok(Outcome::Done))
    }

    /// With a serial of its own, so that partners keep it: the key that signed the one before is dropped some day.
    fn sign_endpoints_anew(&mut self, keys: &OurKeys, step: &mut Step<'_, Effect>) {
        let Some(known) = self.snapshot.endpoints.get(&keys.org) else {
            return;
        };
        let endpoints = Endpoints {
            serial: known.note().serial + 1,
            ..known.note().clone()
        };
        self.sign_endpoints(keys, &endpoints, step);
    }

    /// As many as the step takes; says whether that was all.
    fn sign_peerings_anew(&mut self, keys: &OurKeys, step: &mut Step<'_, Effect>) -> bool {
        let sign = *keys.sign.verifying_key();
        let older: Vec<OrgId> = self
            .snapshot
            .peerings
            .iter()
            .filter(|(_, peering)| !peering.is_signed_by(&sign))
            .map(|(partner, _)| *partner)
            .collect();
        for partner in older {
            if step.is_full() {
                step.leave(step.done() + 1);
                return false;
            }
            let peering = self.snapshot.peerings[&partner].note().clone();
            let peering = peering
                .sign(&keys.sign)
                .expect("a peering has a few short lines");
            self.put_note(PEERING, partner.as_bytes(), peering.bytes(), step);
            self.snapshot.peerings.insert(partner, Arc::new(peering));
        }
        true
    }
}
