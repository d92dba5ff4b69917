//! Notes that govern the channel: ours, and those that partners bring.

use std::collections::BTreeSet;
use std::sync::Arc;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{NoteHash, OrgId};
use foedus_policy::state::Sharing;
use foedus_policy::time::{Now, Timestamp};

use super::append::Draft;
use super::governance::{Breach, Governance, Learned};
use super::{Channel, Effect, Govern, Reject};
use crate::charter::{Charter, Consent};
use crate::entry::ORG_AUTHOR;
use crate::evidence::{CheckedNotes, CountingKeys, GovernanceNote};
use crate::identity::{Extension, IdentityChain};
use crate::kind::Body;
use crate::message::OrgInput;
use crate::note::value::LogHeads;
use crate::note::{NoteType, Verified};
use crate::steploop::Step;
use crate::stored::{Record, StoredNote};

impl Channel {
    pub(super) fn on_govern(&mut self, now: Now, govern: &Govern, step: &mut Step<'_, Effect>) {
        match govern {
            Govern::Propose(charter) => self.propose(now, charter, step),
            Govern::Extend { until } => self.extend(now, *until, step),
            Govern::Consent {
                charter,
                good_until,
            } => {
                // What is known already, or stale by now, changes nothing.
                let note = GovernanceNote::Charter(Verified::clone(charter));
                self.learn(&note, self.ours.org, step).ok();
                self.consent(now, charter.hash(), *good_until, step);
            }
            Govern::Leave => self.leave(now, step),
            Govern::Disconnect(partner) => self.on_disconnected(now, *partner, step),
        }
    }

    fn propose(&mut self, now: Now, charter: &Charter, step: &mut Step<'_, Effect>) {
        let charter = charter
            .sign(&self.ours.sign)
            .expect("an offer is between two, and of a few lines");
        if self.learn(&GovernanceNote::Charter(charter), self.ours.org, step) == Ok(Learned::Kept) {
            self.seal_if_due(now, step);
            self.charter_changed(now, step);
        }
    }

    /// Proposes that the channel ends later. Said again it changes nothing, so that whoever says it
    /// need not know how far it came.
    fn extend(&mut self, now: Now, until: Timestamp, step: &mut Step<'_, Effect>) {
        let Some(newest) = self.governance.newest() else {
            return;
        };
        let before = newest.charter();
        let ours = before.host == self.ours.org && self.governance.ended(now.wall).is_none();
        if !ours || before.end.is_none_or(|end| end >= until) {
            return;
        }
        let next = Charter {
            number: before.number + 1,
            predecessor: Some(newest.hash()),
            end: Some(until),
            finals: LogHeads::new(),
            ..before.clone()
        };
        let proposed = self.governance.proposal();
        if proposed.is_none_or(|proposal| *proposal.charter().note() != next) {
            self.propose(now, &next, step);
        }
    }

    fn consent(
        &mut self,
        now: Now,
        charter: NoteHash,
        good_until: Timestamp,
        step: &mut Step<'_, Effect>,
    ) {
        if self.governance.has_agreed(self.ours.org, charter) {
            return;
        }
        let proposed = self
            .governance
            .proposal()
            .map(|proposal| proposal.charter());
        let sealed = || {
            self.governance
                .revision(charter)
                .map(|revision| revision.charter())
        };
        let predecessor = match proposed.filter(|proposed| proposed.hash() == charter) {
            Some(proposed) => proposed.note().predecessor,
            None => match sealed() {
                Some(sealed) => sealed.predecessor,
                // The offer is not here (any more): the host offers again if it wants to.
                None => return,
            },
        };
        let consent = Consent {
            channel: self.keys.channel(),
            charter,
            predecessor,
            org: self.ours.org,
            good_until,
            withdrawal: None,
        };
        let consent = consent
            .sign(&self.ours.sign)
            .expect("a consent has a few short lines");
        if self
            .learn(&GovernanceNote::Consent(consent), self.ours.org, step)
            .is_ok()
        {
            self.release_waiting(now, step);
            self.charter_changed(now, step);
        }
    }

    pub(super) fn on_notes(
        &mut self,
        now: Now,
        carrier: OrgId,
        notes: &CheckedNotes,
        step: &mut Step<'_, Effect>,
    ) {
        let named = self.governance.names(carrier) || self.is_joining(carrier);
        if carrier_allowed(&self.org.state, carrier).is_err() || !named {
            step.effect(Effect::Reject(carrier, Reject::NotACarrier));
            return;
        }
        self.on_spoken(carrier);
        let before = self.governance.digest();
        let all = self.take_notes(now, carrier, notes, step);
        self.news |= self.governance.digest() != before;
        if !all {
            return;
        }
        if step.is_full() {
            return step.leave(u32::MAX);
        }
        if std::mem::take(&mut self.news) {
            self.release_waiting(now, step);
            // One of them may end the channel for us.
            if !self.end_if_due(now, step) {
                self.charter_changed(now, step);
            }
        } else {
            // Who sends notes that tell us nothing may lack some of ours: a seal, say, that was
            // lost with an earlier session. What it was sent in this one is not sent again.
            self.send_notes(carrier, step);
        }
    }

    /// Takes the notes and then the identities of a frame, as many as the step takes, and says
    /// whether that was all; the rest is for the next.
    fn take_notes(
        &mut self,
        now: Now,
        carrier: OrgId,
        notes: &CheckedNotes,
        step: &mut Step<'_, Effect>,
    ) -> bool {
        let done = step.done();
        let after = u32::try_from(notes.notes().len()).expect("a frame has few notes");
        for (index, note) in (0..after).zip(notes.notes()).skip(done as usize) {
            if index > done && step.is_full() {
                step.leave(index);
                return false;
            }
            self.take_note(now, carrier, note, step);
        }
        if after > done && step.is_full() {
            step.leave(after);
            return false;
        }
        if done <= after {
            self.seal_if_due(now, step);
            self.forget_unnamed(step);
        }
        let named = |org: OrgId| org != self.ours.org && self.governance.names(org);
        let chains = notes.identities().iter();
        let chains: Vec<_> = chains.filter(|chain| named(chain.org())).cloned().collect();
        for (index, chain) in (after + 1..)
            .zip(&chains)
            .skip_while(|(index, _)| *index < done)
        {
            if index > done && step.is_full() {
                step.leave(index);
                return false;
            }
            self.keep_introduced(chain, step);
            self.introduce(carrier, chain, step);
        }
        true
    }

    /// Tells the organisation who somebody is whom only the charter names. One at a time: each has
    /// to fit into a commit of its own there.
    fn introduce(&self, by: OrgId, chain: &IdentityChain, step: &mut Step<'_, Effect>) {
        step.effect(Effect::Org(Box::new(OrgInput::Introduced {
            by,
            chains: vec![chain.clone()],
        })));
    }

    /// Whether we said yes to an offer of this host, also if we took it back since: its charter may have yet to come.
    fn is_joining(&self, carrier: OrgId) -> bool {
        let known = self.org.state.channels().get(&self.keys.channel());
        known.is_some_and(|known| {
            matches!(known.sharing, Sharing::Joining { host, .. } | Sharing::Shared { host, .. } if host == carrier)
        })
    }

    /// A proposed revision needs our yes, which only the organisation's rules give: it hears of
    /// the text, and here it is only kept.
    fn take_note(
        &mut self,
        now: Now,
        carrier: OrgId,
        note: &GovernanceNote,
        step: &mut Step<'_, Effect>,
    ) {
        if self.governance.holds(note.hash()) {
            return self.take_signed_anew(note, step);
        }
        self.take_one(now, carrier, note, step);
        if let GovernanceNote::Consent(_) = note
            && let Some(seal) = self.governance.seal_at_hand()
        {
            self.take_one(now, carrier, &GovernanceNote::Seal(seal), step);
        }
    }

    /// A note that we hold comes once more. If its signer has replaced the key under which we hold it, and
    /// signed it anew, it is kept and sent on as it is now: others take it under the newer key only.
    ///
    /// Its place among the notes stays, so that loading learns the same as before.
    fn take_signed_anew(&mut self, note: &GovernanceNote, step: &mut Step<'_, Effect>) {
        let (hash, bytes) = (note.hash(), note.bytes());
        let known = |org| self.identity_of(org);
        let counts = |bytes| GovernanceNote::check(bytes, &known, CountingKeys::Newest).is_ok();
        let held = self.governance.note(hash).filter(|held| *held != bytes);
        let Some(order) = self.note_orders.get(&hash).copied() else {
            return;
        };
        if !held.is_some_and(|held| !counts(held) && counts(bytes)) {
            return;
        }
        let bytes = bytes.to_vec();
        Arc::make_mut(&mut self.governance).sign_anew(hash, &bytes);
        step.put(self.keys.note(hash), StoredNote { order, bytes }.to_value());
        // What a seal speaks for has to come in one frame with it.
        let mut again: BTreeSet<NoteHash> = [hash].into();
        if let GovernanceNote::Seal(seal) = note {
            again.insert(seal.note().charter);
            again.extend(&seal.note().consents);
        }
        self.tell_anew(&again);
        self.news = true;
    }

    fn take_one(
        &mut self,
        now: Now,
        carrier: OrgId,
        note: &GovernanceNote,
        step: &mut Step<'_, Effect>,
    ) {
        let was_in = self.governance.newest_naming(self.ours.org).is_some();
        match self.learn(note, carrier, step) {
            Ok(Learned::InForce) => {
                self.tell_of_late_seal(note, step);
                if !was_in {
                    // It may use a yes that was taken back: left at once, so that no step, however much its frame
                    // brings, ends with the channel open.
                    self.leave_if_decided(now, step);
                }
            }
            Ok(Learned::Nothing) | Err(Breach::OutOfPlace) => {}
            Ok(Learned::Kept) => {
                if let GovernanceNote::Charter(charter) = note {
                    let offered = OrgInput::CharterOffered {
                        host: charter.note().host,
                        charter: Box::new(charter.clone()),
                    };
                    step.effect(Effect::Org(Box::new(offered)));
                }
            }
            Err(breach @ (Breach::Rule | Breach::Charter(_) | Breach::TwoSeals | Breach::Full)) => {
                step.effect(Effect::Reject(carrier, Reject::Note(note.hash(), breach)));
            }
        }
    }

    /// Whether a host used a yes of ours while it was good, only its own clock says. A seal that comes
    /// after that counts all the same, since all must come to the same; our own people are told.
    fn tell_of_late_seal(&self, note: &GovernanceNote, step: &mut Step<'_, Effect>) {
        let GovernanceNote::Seal(seal) = note else {
            return;
        };
        let revision = self.governance.revision(seal.note().charter);
        let used = revision.and_then(|revision| revision.consent_used(self.ours.org));
        if used.is_some_and(|consent| consent.good_until < self.step_wall) {
            let late = Reject::LateSeal(seal.hash());
            step.effect(Effect::Reject(seal.note().host, late));
        }
    }

    /// Learns a note and writes it down; a crash before the commit leaves neither.
    pub(super) fn learn(
        &mut self,
        note: &GovernanceNote,
        teller: OrgId,
        step: &mut Step<'_, Effect>,
    ) -> Result<Learned, Breach> {
        if self.governance.holds(note.hash()) {
            return Ok(Learned::Nothing);
        }
        let had_charter = self.governance.newest().is_some();
        let mut governance = Governance::clone(&self.governance);
        let learned = governance.learn(note, teller);
        self.write_notes(&governance, step);
        self.governance = Arc::new(governance);
        if learned == Ok(Learned::InForce) {
            self.changed.view = true;
            if !had_charter {
                // What was written before stays unknown to participants, even that it was.
                self.close_incarnation(step);
            }
            self.told_version = None;
            self.reconsider(note, step);
            if let GovernanceNote::Seal(_) = note {
                self.tell_org_of_charter(step);
            }
        }
        learned
    }

    fn write_notes(&mut self, after: &Governance, step: &mut Step<'_, Effect>) {
        let hashes = |governance: &Governance| -> BTreeSet<NoteHash> {
            governance.notes().map(|(hash, _)| hash).collect()
        };
        let (before, kept) = (hashes(&self.governance), hashes(after));
        for hash in before.difference(&kept) {
            step.delete(self.keys.note(*hash));
            self.note_orders.remove(hash);
        }
        for (hash, bytes) in after.notes().filter(|(hash, _)| !before.contains(hash)) {
            let note = StoredNote {
                order: self.head.notes,
                bytes: bytes.to_vec(),
            };
            step.put(self.keys.note(hash), note.to_value());
            self.note_orders.insert(hash, self.head.notes);
            self.head.notes += 1;
            self.changed.head = true;
        }
    }

    fn tell_org_of_charter(&self, step: &mut Step<'_, Effect>) {
        let Some(newest) = self.governance.newest() else {
            return;
        };
        let charter = newest.charter();
        step.effect(Effect::Org(Box::new(OrgInput::CharterInForce {
            channel: self.keys.channel(),
            host: charter.host,
            participants: charter.participants.clone(),
            ends: self.governance.agreed_end(self.ours.org),
        })));
    }

    /// Says again what the organisation does not know, because a crash came between the two.
    pub(super) fn remind_org(&self, now: Now, step: &mut Step<'_, Effect>) {
        let known = self
            .org
            .state
            .channels()
            .get(&self.keys.channel())
            .map(|channel| &channel.sharing);
        let (Some(newest), Some(known)) = (self.governance.newest(), known) else {
            return;
        };
        match known {
            Sharing::Shared {
                participants,
                ends,
                ended,
                ..
            } => {
                let charter = newest.charter();
                let end = self.governance.agreed_end(self.ours.org);
                let told = *participants == charter.participants && *ends == end;
                if !told {
                    self.tell_org_of_charter(step);
                } else if let (None, Some(over)) = (ended, self.ended_for_good(now)) {
                    let channel = self.keys.channel();
                    step.effect(Effect::Org(Box::new(OrgInput::ChannelEnded {
                        channel,
                        ended: over,
                    })));
                }
            }
            Sharing::Local | Sharing::Offering { .. } | Sharing::Joining { .. } => {
                self.tell_org_of_charter(step);
            }
        }
    }

    /// As host, takes back the text that was proposed for an offer, once our organisation makes it no
    /// more: nobody is asked to say yes to it, and no yes puts it in force.
    pub(super) fn take_back_offer(&mut self, step: &mut Step<'_, Effect>) {
        if self.stands_by_offer() {
            return;
        }
        self.forget_proposal(step);
    }

    /// Stands by nothing that is proposed: by no text as host, and by no yes to one as participant.
    pub(super) fn forget_proposal(&mut self, step: &mut Step<'_, Effect>) {
        if self.governance.proposal().is_none() {
            return;
        }
        let mut governance = Governance::clone(&self.governance);
        governance.take_back();
        self.write_notes(&governance, step);
        self.governance = Arc::new(governance);
        self.forget_unnamed(step);
        self.changed.view = true;
    }

    /// Whether a first charter that we propose is still what our organisation offers.
    fn stands_by_offer(&self) -> bool {
        let proposal = self.governance.proposal();
        let proposed = proposal.map(|proposal| proposal.charter().note());
        let first = |charter: &&Charter| charter.predecessor.is_none();
        let Some(charter) = proposed.filter(first) else {
            return true;
        };
        let known = self.org.state.channels().get(&self.keys.channel());
        let offered = match known.map(|known| &known.sharing) {
            Some(Sharing::Offering {
                partner: Some(partner),
                offer,
                ..
            }) => charter.participants.contains_key(partner) && charter.end == offer.ends,
            Some(Sharing::Shared { .. }) => true,
            _ => false,
        };
        offered || charter.host != self.ours.org
    }

    /// As host, puts the proposed revision in force once everybody whose yes is needed said it.
    ///
    /// The seal goes into our own log in the same commit that makes it durable, and out only
    /// after that: a crash in between sends it again from what is stored.
    pub(super) fn seal_if_due(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        // A seal is for good, and whether a yes still holds is told by the clock.
        let due = self.governance.seal_due(now.wall);
        let Some(seal) = due.filter(|_| !self.clock.is_paused && self.stands_by_offer()) else {
            return;
        };
        let seal = seal
            .sign(&self.ours.sign)
            .expect("a seal of at most 250 consents fits into a note");
        let bytes = seal.bytes().to_vec();
        if self
            .learn(&GovernanceNote::Seal(seal), self.ours.org, step)
            .is_ok()
            // It says nothing that the seal itself does not say. By this very revision the channel
            // may end before the time that we have come to.
            && self.may_write_control(now)
        {
            let salt = self.derived_salt(b"seal");
            let draft = Draft {
                author: ORG_AUTHOR,
                body: Body::Note(bytes),
                salt,
            };
            self.append(now, draft, step)
                .expect("a seal of at most 250 consents fits into a body, and it counts now");
        }
    }

    /// Says again whom the organisation does not know, because a crash came between the two.
    pub(super) fn introduce_again(&self, step: &mut Step<'_, Effect>) {
        let unknown = self.introduced.values().filter(|chain| {
            self.org.identity(chain.org()).is_none() && self.governance.names(chain.org())
        });
        let Some(host) = self.governance.host() else {
            return;
        };
        for chain in unknown {
            self.introduce(host, chain, step);
        }
    }

    /// Keeps who somebody is beside what they signed, so that the channel can be loaded whatever
    /// the organisation has noted by then.
    fn keep_introduced(&mut self, chain: &IdentityChain, step: &mut Step<'_, Effect>) {
        let org = chain.org();
        let newer = match self.introduced.get(&org) {
            None => chain.clone(),
            Some(known) => match known.merge(chain) {
                Ok(Extension::Newer(newer)) => newer,
                Ok(Extension::Nothing | Extension::Conflict(_)) | Err(_) => return,
            },
        };
        let known = self.introduced.get(&org).cloned();
        for note in known.iter().flat_map(|known| known.notes()) {
            if !newer.notes().contains(note) {
                step.delete(self.keys.introduced(org, note.note().serial));
            }
        }
        for note in newer.notes() {
            let record = StoredNote {
                order: 0,
                bytes: note.bytes().to_vec(),
            };
            step.put(
                self.keys.introduced(org, note.note().serial),
                record.to_value(),
            );
        }
        self.introduced.insert(org, Arc::new(newer));
    }

    /// Texts that were proposed and given up leave nobody behind.
    fn forget_unnamed(&mut self, step: &mut Step<'_, Effect>) {
        let named: BTreeSet<OrgId> = self.governance.orgs().collect();
        let unnamed: Vec<OrgId> = self
            .introduced
            .keys()
            .copied()
            .filter(|org| !named.contains(org))
            .collect();
        for org in unnamed {
            for note in self
                .introduced
                .remove(&org)
                .iter()
                .flat_map(|chain| chain.notes())
            {
                step.delete(self.keys.introduced(org, note.note().serial));
            }
        }
    }
}
