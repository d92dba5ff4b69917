//! Who is asked to bring whose words: somebody has to bring those of whom we have no session with,
//! and give back those of ours that we lost.
//!
//! It must not know what is said to a partner, nor how entries are taken.

use std::collections::BTreeSet;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::OrgId;
use foedus_policy::vocabulary::Access;
use sha2::{Digest, Sha256};

use super::{Channel, Effect};
use crate::bounds::{LEFT_OUT_MAX, PARTICIPANTS_MAX};
use crate::steploop::Step;

impl Channel {
    /// Others may have to bring what `changed` brought, or need not any more.
    pub(super) fn share_out_relays(&mut self, changed: OrgId, step: &mut Step<'_, Effect>) {
        // Nobody is asked for anything else: what was asked for would never be what it should be.
        if !self.is_open() {
            return;
        }
        for (partner, session) in &self.sessions {
            if *partner != changed
                && self.governance.names(*partner)
                && session.relayed != self.relayed_by(*partner)
            {
                step.effect(Effect::Attach(*partner));
            }
        }
    }

    /// Whose logs `partner` is asked to bring: of those with whom we have no session, if it is the
    /// one that is asked; and our own, if it holds words of ours that we lost.
    pub(super) fn relayed_by(&self, partner: OrgId) -> Vec<OrgId> {
        let host = self.governance.host();
        // Somebody who may bring them: not one that left, or has only been proposed.
        let may_carry = |org: &OrgId| {
            self.governance.takes_part(*org)
                && carrier_allowed(&self.org.state, *org).is_ok()
                && !self.brings_headers_only(*org)
        };
        let chosen = self
            .sessions
            .keys()
            .copied()
            .filter(may_carry)
            .min_by_key(|org| (self.sessions[org].bodiless, Some(*org) != host, *org));
        // The most important first: a frame names no more of them than a charter.
        let mut relayed = Vec::new();
        let holds_ours = self.recovering.contains(&partner) || self.lost.contains(&partner);
        if holds_ours && self.may_give_back(partner) {
            relayed.push(self.ours.org);
        }
        let doubted = self.doubted.iter().filter(|(org, _)| *org == partner);
        let doubted = doubted.map(|(_, log)| log.origin);
        relayed.extend(doubted.filter(|org| *org != partner));
        let bodies = self.filled_by(partner);
        let bodies = bodies.iter().map(|log| log.origin);
        relayed.extend(bodies.filter(|org| *org != partner));
        if chosen == Some(partner) {
            // Those who take part no more, too: what they wrote before may not all be here.
            let serves =
                |org: &OrgId| self.sessions.contains_key(org) && self.governance.takes_part(*org);
            let others = self.governance.orgs_in_force();
            let wanted = |org: &&OrgId| **org != self.ours.org && **org != partner && !serves(org);
            let (there, gone): (Vec<OrgId>, Vec<OrgId>) = others
                .iter()
                .filter(wanted)
                .partition(|org| self.governance.takes_part(**org));
            relayed.extend(there.into_iter().chain(gone));
        }
        let mut named = BTreeSet::new();
        relayed.retain(|org| !self.is_left_out(partner, *org) && named.insert(*org));
        relayed.truncate(PARTICIPANTS_MAX);
        relayed.sort_unstable();
        relayed
    }

    /// A partner brought words of these under keys that we know nothing of. The identities that
    /// name them may be on their way, so that it is asked once more; after that it is asked without
    /// these until we know more of them: else one organisation that not everybody can follow would
    /// silence all whose words come the same way.
    pub(super) fn note_left_out(&mut self, carrier: OrgId, origins: &[OrgId]) {
        let Some(session) = self.sessions.get_mut(&carrier) else {
            return;
        };
        let origins: BTreeSet<OrgId> = origins.iter().copied().collect();
        for origin in origins {
            if !session.relayed.contains(&origin) {
                continue;
            }
            let known = self.org.identity(origin);
            let known = known.map(|chain| chain.newest().hash());
            let left_out = session.left_out.entry(origin).or_insert((known, 0));
            let before = if left_out.0 == known { left_out.1 } else { 0 };
            *left_out = (known, before.saturating_add(1));
        }
    }

    fn is_left_out(&self, partner: OrgId, origin: OrgId) -> bool {
        let session = self.sessions.get(&partner);
        let left_out = session.and_then(|session| session.left_out.get(&origin));
        left_out.is_some_and(|(known, times)| {
            let now = self.org.identity(origin);
            *times >= LEFT_OUT_MAX && *known == now.map(|chain| chain.newest().hash())
        })
    }

    /// Whether an organisation has no bodies but its own, and we may read: the headers that it
    /// brings would take the place of entries that somebody else brings with their bodies.
    pub(super) fn brings_headers_only(&self, org: OrgId) -> bool {
        let access = |org| self.governance.access_of(org);
        let reads = |org| access(org).is_some_and(Access::may_read);
        reads(self.ours.org) && !reads(org)
    }

    /// Whether a partner may give us back words of ours. Who has only headers comes last: once
    /// everybody who may have the bodies, and may bring them, gave back what it holds.
    pub(super) fn may_give_back(&self, partner: OrgId) -> bool {
        if !self.brings_headers_only(partner) {
            return true;
        }
        let mut readers = self.governance.participants().filter(|org| {
            *org != self.ours.org
                && !self.brings_headers_only(*org)
                && carrier_allowed(&self.org.state, *org).is_ok()
        });
        readers.all(|org| {
            let session = self.sessions.get(&org);
            // Who asked us for something showed by that whether it holds more than we do.
            session.is_some_and(|session| session.asked.is_some()) && !self.lost.contains(&org)
        })
    }

    /// Asks those for words of ours whose turn has come.
    pub(super) fn ask_for_ours(&mut self, step: &mut Step<'_, Effect>) {
        if !self.is_open() {
            return;
        }
        let us = self.ours.org;
        for partner in &self.lost {
            let session = self.sessions.get(partner);
            if session.is_some_and(|session| !session.relayed.contains(&us))
                && self.governance.names(*partner)
                && self.may_give_back(*partner)
            {
                step.effect(Effect::Attach(*partner));
            }
        }
    }
}

/// Names a set of relayed origins, so that a stored position is only used for the same set.
pub(super) fn relayed_digest(relayed: &[OrgId]) -> [u8; 32] {
    relayed
        .iter()
        .fold(Sha256::new(), |hash, org| hash.chain_update(org.as_bytes()))
        .finalize()
        .into()
}
