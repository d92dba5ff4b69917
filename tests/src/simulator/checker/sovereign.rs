//! P4: a partner's bytes change only logs that their origin signed, that origin's identity, and
//! the list of waiting requests.

use std::collections::BTreeSet;

use foedus_federation::batch::{Batch, Key, Value};
use foedus_federation::entry::{Header, ORG_AUTHOR};
use foedus_federation::keys::{self, ChannelKey};
use foedus_federation::org_store::read_record;
use foedus_federation::stored::{Annotation, Annotations, ClockKept, Record as _, Run};
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::state::{InvitationState, PartnerState, Record};
use foedus_policy::time::Timestamp;

use super::SOVEREIGN;
use crate::simulator::disk;
use crate::simulator::organisation::{Cause, ScopeId};
use crate::simulator::world::World;

impl World {
    /// Looks at what a commit that rests on nothing but a partner's bytes would change.
    pub(super) fn check_sovereign(
        &mut self,
        at: usize,
        id: ScopeId,
        causes: &BTreeSet<Cause>,
        batch: &Batch,
    ) {
        let all = batch.puts.iter().map(|(key, value)| (key, Some(value)));
        let all = all.chain(batch.deletes.iter().map(|key| (key, None)));
        let mut wrong = None;
        for (key, value) in all {
            let scope = keys::channel_of(key).map_or(ScopeId::Org, ScopeId::Channel);
            if scope != id {
                wrong = Some("another scope");
            }
            if let (ScopeId::Channel(channel), Some(value)) = (id, value) {
                wrong = wrong.or(self.wrong_annotation(channel, key, value));
            }
        }
        let only_partners = |cause: &Cause| matches!(cause, Cause::Partner(_) | Cause::Session);
        if !causes.is_empty() && causes.iter().all(only_partners) {
            self.checker.count(SOVEREIGN);
            for (key, value) in &batch.puts {
                wrong = wrong.or(match id {
                    ScopeId::Org => self.wrong_record(at, causes, key, value),
                    ScopeId::Channel(_) => self.wrong_run(at, key, value),
                });
            }
        }
        if let Some(what) = wrong {
            let text = format!("a partner's bytes change {what} at {at}");
            self.checker.find(SOVEREIGN, self.now, text);
        }
    }

    /// Another organisation's words are changed by nobody's entries but its own.
    fn wrong_annotation(
        &self,
        channel: ChannelId,
        key: &Key,
        value: &Value,
    ) -> Option<&'static str> {
        let Some((of, ChannelKey::Annotations(target, _))) = ChannelKey::parse(key) else {
            return None;
        };
        if of != channel {
            return None;
        }
        let origin = target.origin.0;
        let annotations = Annotations::from_value(key, value).ok()?;
        let foreign = annotations
            .rows
            .iter()
            .any(|row| row.kind != Annotation::REACT && row.origin != origin);
        foreign.then_some("another organisation's words")
    }

    fn wrong_record(
        &self,
        at: usize,
        causes: &BTreeSet<Cause>,
        key: &Key,
        value: &Value,
    ) -> Option<&'static str> {
        match key.get(..2)? {
            b"ov" | b"oa" => None,
            b"on" => self.wrong_note(at, causes, key, value),
            b"os" => match read_record(key, value).ok()? {
                Record::Request(..) => None,
                // Whatever comes in, a clock that leapt is noticed with it.
                Record::Leap(leap) if self.is_wall(at, leap.found) => None,
                Record::Invitation(_, invitation)
                    if matches!(invitation.state, InvitationState::Used { .. }) =>
                {
                    None
                }
                Record::Partner(_, partner) if partner.state == PartnerState::Replied => None,
                Record::Partner(..) => Some("a partner"),
                Record::Member(..) | Record::Membership(..) => Some("a member"),
                Record::Channel(..) => Some("a channel"),
                Record::Project(..) => Some("a project"),
                _ => Some("a setting"),
            },
            _ => Some("something unknown"),
        }
    }

    /// Notes of the organisation: those that the partner is the author of, charters that it
    /// offers, and who somebody introduced is.
    fn wrong_note(
        &self,
        at: usize,
        causes: &BTreeSet<Cause>,
        key: &Key,
        value: &Value,
    ) -> Option<&'static str> {
        let (kind, id) = (key.get(2)?, key.get(3..35));
        let of_partner = id.is_some_and(|id| {
            causes.iter().any(|cause| match cause {
                Cause::Partner(partner) => partner.0 == id,
                _ => false,
            })
        });
        let of_another_partner = id.is_some_and(|id| {
            let org = OrgId(id.try_into().expect("32 bytes were taken"));
            org == self.orgs[at].id || disk::partner(&self.orgs[at].disk, org).is_some()
        });
        match kind {
            b'a' | b'v' | b'o' => None,
            // When our clock was last relied on. A hello may say that it is right, not what it says.
            b'w' => {
                let kept = ClockKept::from_value(key, value).ok()?;
                (!self.is_wall(at, Timestamp(kept.wall))).then_some("our clock")
            }
            b'i' | b'b' if of_partner || !of_another_partner => None,
            b'e' | b'q' if of_partner => None,
            _ => Some("the notes of somebody else"),
        }
    }

    /// Whether our own clock says a time, give or take what a commit takes.
    fn is_wall(&self, at: usize, time: Timestamp) -> bool {
        time.0.abs_diff(self.wall(at).0) <= 5_000
    }

    /// Entries that appear: another's as that one signed them, and of our own only what the
    /// organisation itself has to say.
    fn wrong_run(&self, at: usize, key: &Key, value: &Value) -> Option<&'static str> {
        let Some((_, ChannelKey::Run(log, _))) = ChannelKey::parse(key) else {
            return None;
        };
        if log.origin != self.orgs[at].id {
            return None;
        }
        if self.checker.forged.contains(&log) {
            // The lie is in a log that our own key signed: it is ours, whoever brings it back.
            return None;
        }
        let run = Run::from_value(key, value).ok()?;
        let mut said = run.entries.iter().zip(run.first..).filter(|(entry, _)| {
            Header::decode(&entry.header).is_ok_and(|header| {
                header.author != ORG_AUTHOR
                    && header.class != foedus_federation::kind::Class::Membership
            })
        });
        // What we lost and a partner gives back was once on our own disk.
        said.find(|(_, sequence)| !self.checker.written.contains(&log.entry(*sequence)))
            .map(|_| "what our own people said")
    }
}
