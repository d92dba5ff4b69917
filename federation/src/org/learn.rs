//! What others say of themselves: who they are and where they can be reached.

use std::sync::Arc;

use foedus_policy::action::{Action, Actor};
use foedus_policy::audit::{AuditEvent, AuditOutcome};
use foedus_policy::decide::{carrier_allowed, link_key_allowed};
use foedus_policy::id::OrgId;
use foedus_policy::reason::Reason;
use foedus_policy::state::PartnerState;
use foedus_policy::time::Now;

use super::store::{ADDRESS, CONFLICT, ENDPOINTS, IDENTITY, THEIR_PEERING, note_key};
use super::{Effect, Org, OurKeys};
use crate::bounds::ENDPOINT_ADDRESSES_MAX;
use crate::identity::{Extension, Identity, IdentityChain, IdentityConflict};
use crate::key::VerifyingKey;
use crate::note::{Claimed, KeyName, NoteType, Verified};
use crate::record::{EndpointAddress, Endpoints, Peering, Versions};
use crate::steploop::Step;
use crate::stored::{self, Record};

impl Org {
    /// What is newer of an identity. The same serial with another text is a conflict that only
    /// the organisation itself can have made; the newer text is not taken.
    pub(super) fn newer_identity(&self, chain: &IdentityChain) -> Option<IdentityChain> {
        match self.snapshot.identities.get(&chain.org()) {
            None => Some(chain.clone()),
            Some(known) => match known.merge(chain) {
                Ok(Extension::Newer(newer)) => Some(newer),
                Ok(Extension::Nothing | Extension::Conflict(_)) | Err(_) => None,
            },
        }
    }

    /// What is to be kept of an organisation that is paired with, whose newest root people compare; none if that is kept
    /// already. What others said of it before yields: under a root that it had replaced somebody else may have spoken.
    pub(super) fn paired_identity(
        &self,
        chain: &IdentityChain,
    ) -> Result<Option<IdentityChain>, Reason> {
        let org = chain.org();
        let Some(known) = self.snapshot.identities.get(&org) else {
            return Ok(Some(chain.clone()));
        };
        if let Ok(Extension::Newer(newer)) = known.merge(chain) {
            return Ok(Some(newer));
        }
        match chain.merge(known) {
            Ok(Extension::Newer(_) | Extension::Nothing) => {
                // It says itself that it has another root by now.
                match known.current().root == chain.current().root {
                    true => Ok(None),
                    false => Err(Reason::RootKeyDiffers),
                }
            }
            Ok(Extension::Conflict(_)) | Err(_) => {
                match self.state().partners().contains_key(&org) {
                    true => Err(Reason::RootKeyDiffers),
                    false => Ok(Some(chain.clone())),
                }
            }
        }
    }

    /// Whether the link key that an organisation would have is its own. Whoever else holds it keeps
    /// it: nobody takes the place of another by saying that it has its key.
    pub(super) fn link_key_allowed(
        &self,
        org: OrgId,
        newer: Option<&IdentityChain>,
    ) -> Result<(), Reason> {
        let Some(link) = newer
            .or_else(|| self.snapshot.identities.get(&org).map(Arc::as_ref))
            .map(|identity| identity.current().link)
        else {
            return Ok(());
        };
        let us = self.state().org();
        let known = us.iter().chain(self.state().partners().keys());
        let holders = known.copied().filter(|holder| {
            let identity = self.snapshot.identities.get(holder);
            identity.is_some_and(|identity| identity.current().link == link)
        });
        link_key_allowed(self.state(), org, holders)
    }

    /// Keeps what is newer of an identity, unless its link key stands for another. That is written
    /// down against `by`, who said it, and nothing of it is kept.
    pub(super) fn learn_identity(
        &mut self,
        now: Now,
        by: OrgId,
        chain: &IdentityChain,
        step: &mut Step<'_, Effect>,
    ) -> Result<(), Reason> {
        let newer = self.newer_identity(chain);
        if let Err(reason) = self.link_key_allowed(chain.org(), newer.as_ref()) {
            let (actor, org) = (Actor::Partner(by), chain.org());
            let event = || AuditEvent {
                actor,
                verb: "partner.identity",
                object: org.to_string(),
                outcome: AuditOutcome::Denied(reason),
                details: vec![("link", chain.current().link.to_string())],
            };
            self.audit_refusal(now, &actor, reason, event, step);
            step.effect(Effect::Refused(by, reason));
            return Err(reason);
        }
        if let Some(newer) = newer {
            self.put_identity(newer, step);
        }
        Ok(())
    }

    /// Keeps what is newer of our own identity.
    pub(super) fn keep_identity(&mut self, chain: &IdentityChain, step: &mut Step<'_, Effect>) {
        if let Some(newer) = self.newer_identity(chain) {
            self.put_identity(newer, step);
        }
    }

    /// Keeps an identity in place of what was kept of it.
    pub(super) fn put_identity(&mut self, newer: IdentityChain, step: &mut Step<'_, Effect>) {
        let org = newer.org();
        // What a longer chain lets go of would make it one that does not read.
        let known = self.snapshot.identities.get(&org).cloned();
        for note in known.iter().flat_map(|known| known.notes()) {
            if !newer.notes().contains(note) {
                self.delete_note(IDENTITY, &identity_note_id(org, note), step);
            }
        }
        for note in newer.notes() {
            self.put_note(IDENTITY, &identity_note_id(org, note), note.bytes(), step);
        }
        self.snapshot.identities.insert(org, Arc::new(newer));
    }

    /// Evidence against an organisation, if a chain of it is some: it stands on its own, whoever
    /// brings it.
    pub(super) fn conflict_with(&self, chain: &IdentityChain) -> Option<Box<IdentityConflict>> {
        match self.snapshot.identities.get(&chain.org())?.merge(chain) {
            Ok(Extension::Conflict(conflict)) => Some(conflict),
            _ => None,
        }
    }

    /// Its root key signed two texts under one serial, so it is misused: the evidence is kept, our
    /// administrators are told, and if it is a partner it is suspended until they say otherwise.
    pub(super) fn identity_conflict(
        &mut self,
        now: Now,
        conflict: &IdentityConflict,
        step: &mut Step<'_, Effect>,
    ) {
        let org = conflict.org();
        let known = self.snapshot.identities.get(&org);
        let root = known.map(|known| known.current().root);
        let newest = root == Some(*conflict.root());
        if let Some(held) = self.snapshot.conflicts.get(&org) {
            let under =
                |root: &VerifyingKey| IdentityConflict::verify([&held[0], &held[1]], root).is_ok();
            // Evidence under a root that was replaced must not stand in the way of what is worse.
            if !newest || root.as_ref().is_some_and(under) {
                return;
            }
        }
        for (place, note) in (0_u8..).zip(conflict.notes()) {
            let id = [org.as_bytes().as_slice(), &[place]].concat();
            self.put_note(CONFLICT, &id, note.bytes(), step);
        }
        let pair = conflict.notes().clone().map(|note| note.bytes().to_vec());
        self.snapshot.conflicts.insert(org, pair.to_vec());
        let event = AuditEvent {
            actor: Actor::System,
            verb: "identity.conflict",
            object: org.to_string(),
            outcome: AuditOutcome::Done,
            details: vec![
                ("serial", conflict.notes()[0].note().serial.to_string()),
                ("one", conflict.notes()[0].hash().to_string()),
                ("other", conflict.notes()[1].hash().to_string()),
            ],
        };
        self.audit(now, &event, step);
        let partner = self.state().partners().get(&org);
        let active = partner.is_some_and(|partner| partner.state == PartnerState::Active);
        // Whoever got hold of a root key that was replaced signs with it what it likes: that is no
        // act of the partner.
        if active && newest {
            let suspend = Action::SuspendPartner { partner: org };
            let suspended = self.act(now, &Actor::System, &suspend, [0; 64], &[], step);
            assert!(suspended.is_ok(), "an active partner can be suspended");
        }
    }

    /// Whether a key of the identity as it is kept signed the note: it has to be found again from
    /// what is stored, whatever chain came along with it.
    fn is_signed<T: NoteType>(&self, note: &Verified<T>) -> bool {
        let KeyName::Sign(org) = note.note().signer() else {
            return false;
        };
        let known = self.snapshot.identities.get(&org);
        let claimed = Claimed::<T>::parse(note.bytes()).ok();
        known
            .zip(claimed)
            .is_some_and(|(known, claimed)| claimed.verify_any(&known.sign_keys()).is_ok())
    }

    pub(super) fn learn_endpoints(
        &mut self,
        partner: OrgId,
        endpoints: &Verified<Endpoints>,
        step: &mut Step<'_, Effect>,
    ) {
        let known = self.snapshot.endpoints.get(&partner);
        let is_newer = known.is_none_or(|known| known.note().serial < endpoints.note().serial);
        if endpoints.note().org == partner && is_newer && self.is_signed(endpoints) {
            self.put_endpoints(endpoints.clone(), step);
        }
    }

    fn put_endpoints(&mut self, endpoints: Verified<Endpoints>, step: &mut Step<'_, Effect>) {
        let org = endpoints.note().org;
        self.put_note(ENDPOINTS, org.as_bytes(), endpoints.bytes(), step);
        self.snapshot.endpoints.insert(org, Arc::new(endpoints));
    }

    pub(super) fn learn_addresses(
        &mut self,
        partner: OrgId,
        addresses: &[String],
        step: &mut Step<'_, Effect>,
    ) {
        let addresses: Vec<String> = addresses
            .iter()
            .take(ENDPOINT_ADDRESSES_MAX)
            .cloned()
            .collect();
        for (number, address) in (0_u8..).zip(&addresses) {
            let id = [partner.as_bytes().as_slice(), &[number]].concat();
            self.put_note(ADDRESS, &id, address.as_bytes(), step);
        }
        // Fewer than before: a later start would dial the others, too.
        let before = self.snapshot.addresses.get(&partner).map_or(0, Vec::len);
        for number in (0_u8..).take(before).skip(addresses.len()) {
            let id = [partner.as_bytes().as_slice(), &[number]].concat();
            step.delete(note_key(ADDRESS, &id));
        }
        self.snapshot.addresses.insert(partner, addresses);
    }

    pub(super) fn partner_said(
        &mut self,
        now: Now,
        partner: OrgId,
        identity: &IdentityChain,
        endpoints: Option<&Verified<Endpoints>>,
        peering: Option<&Verified<Peering>>,
        step: &mut Step<'_, Effect>,
    ) {
        if carrier_allowed(self.state(), partner).is_err() || identity.org() != partner {
            return;
        }
        if let Some(conflict) = self.conflict_with(identity) {
            return self.identity_conflict(now, &conflict, step);
        }
        if self.learn_identity(now, partner, identity, step).is_err() {
            return;
        }
        if let Some(endpoints) = endpoints {
            self.learn_endpoints(partner, endpoints, step);
        }
        if let Some(peering) = peering
            && peering.note().org == partner
            && self.is_signed(peering)
            // Also the same text under a newer key: the older one may be let go of some day.
            && self
                .snapshot
                .their_peerings
                .get(&partner)
                .map(|known| known.bytes())
                != Some(peering.bytes())
        {
            self.put_note(THEIR_PEERING, partner.as_bytes(), peering.bytes(), step);
            self.snapshot
                .their_peerings
                .insert(partner, Arc::new(peering.clone()));
        }
    }

    /// Signs where we can be reached, if that changed.
    pub(super) fn reachable(&mut self, addresses: &[String], step: &mut Step<'_, Effect>) {
        let Some(keys) = self.ours.clone() else {
            return;
        };
        let wanted = addresses
            .iter()
            .filter_map(|address| address.parse::<EndpointAddress>().ok())
            .take(ENDPOINT_ADDRESSES_MAX)
            .collect();
        let known = self.snapshot.endpoints.get(&keys.org);
        if known.is_some_and(|known| known.note().addresses == wanted) {
            return;
        }
        let endpoints = Endpoints {
            org: keys.org,
            serial: known.map_or(1, |known| known.note().serial + 1),
            addresses: wanted,
            versions: Versions { min: 1, max: 1 },
        };
        self.sign_endpoints(&keys, &endpoints, step);
    }

    pub(super) fn sign_endpoints(
        &mut self,
        keys: &OurKeys,
        endpoints: &Endpoints,
        step: &mut Step<'_, Effect>,
    ) {
        let endpoints = endpoints.sign(&keys.sign);
        self.put_endpoints(endpoints.expect("a few addresses fit into a note"), step);
    }
}

pub(super) fn identity_note_id(org: OrgId, note: &Verified<Identity>) -> Vec<u8> {
    [org.as_bytes().as_slice(), &note.note().serial.to_be_bytes()].concat()
}

/// The record of an address or of who introduced somebody: bytes that are no note.
pub(super) fn plain_bytes(key: &[u8], value: &[u8]) -> Result<Vec<u8>, crate::damaged::Damaged> {
    Ok(stored::StoredNote::from_value(key, value)?.bytes)
}
