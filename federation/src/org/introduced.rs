//! Who the others in a common channel are, as one of them tells us: kept within bounds, and only as long as somebody needs it.

use std::collections::{BTreeMap, BTreeSet};

use foedus_policy::id::OrgId;
use foedus_policy::state::{PartnerState, Sharing};
use foedus_policy::time::Now;

use super::learn::identity_note_id;
use super::store::{IDENTITY, INTRODUCED};
use super::{Effect, Org};
use crate::bounds::{INTRODUCED_BY_ONE_MAX, INTRODUCED_COSTLY_PER_MINUTE_MAX, INTRODUCED_ORGS_MAX};
use crate::identity::IdentityChain;
use crate::steploop::Step;

const MINUTE_MILLIS: u64 = 60_000;

/// How often an introduction was dear in this minute, by who introduced.
#[derive(Debug, Default)]
pub(super) struct CostlyIntroductions {
    minute: u64,
    times: BTreeMap<OrgId, u32>,
}

impl CostlyIntroductions {
    /// Whether there may be one more.
    fn once_more(&mut self, now: Now, by: OrgId) -> bool {
        let minute = now.steady_millis / MINUTE_MILLIS;
        if self.minute != minute {
            *self = Self {
                minute,
                times: BTreeMap::new(),
            };
        }
        let times = self.times.entry(by).or_default();
        *times += 1;
        *times <= INTRODUCED_COSTLY_PER_MINUTE_MAX
    }
}

impl Org {
    /// Keeps who the others in a common channel are. What is newer proves itself, whoever brings it:
    /// a partner may tell it to others first.
    pub(super) fn introduced(
        &mut self,
        now: Now,
        by: OrgId,
        chains: &[IdentityChain],
        step: &mut Step<'_, Effect>,
    ) {
        for chain in chains {
            let org = chain.org();
            if let Some(conflict) = self.conflict_with(chain) {
                self.identity_conflict(now, &conflict, step);
                continue;
            }
            // Whom we are about to approve is who took up the invitation, as it said then.
            let partner = self.state().partners().get(&org).map(|known| known.state);
            let is_pairing = matches!(
                partner,
                Some(PartnerState::Replied | PartnerState::Accepted)
            );
            let speaks_for_itself = self.state().org() == Some(org) || is_pairing;
            let is_new = !self.snapshot.identities.contains_key(&org);
            let has_place = match is_new {
                true => self.make_room_for_introduced(now, by, step),
                // Whoever invents organisations can renew each of them without end.
                false if org != by && self.newer_identity(chain).is_some() => {
                    self.costly_introductions.once_more(now, by)
                }
                false => true,
            };
            if speaks_for_itself || !has_place {
                continue;
            }
            let learned = self.learn_identity(now, by, chain, step);
            if is_new && learned.is_ok() {
                self.put_note(INTRODUCED, org.as_bytes(), by.as_bytes(), step);
                self.snapshot.introduced_by.insert(org, by);
            }
        }
    }

    /// Whether one more is kept that `by` introduces. Where there are as many as may be, somebody goes who is in no channel
    /// any more: else whoever filled the list once would have filled it for good.
    fn make_room_for_introduced(
        &mut self,
        now: Now,
        by: OrgId,
        step: &mut Step<'_, Effect>,
    ) -> bool {
        let introduced = &self.snapshot.introduced_by;
        let by_one = |introducer: &OrgId| *introducer == by;
        let full_by_one =
            introduced.values().filter(|it| by_one(it)).count() >= INTRODUCED_BY_ONE_MAX;
        if !full_by_one && introduced.len() < INTRODUCED_ORGS_MAX {
            return true;
        }
        // Each time costs a look through all channels, and the news reaches each of them.
        if !self.costly_introductions.once_more(now, by) {
            return false;
        }
        let in_channels: BTreeSet<OrgId> = self
            .state()
            .channels()
            .values()
            .filter_map(|channel| match &channel.sharing {
                Sharing::Shared { participants, .. } => Some(participants.keys().copied()),
                Sharing::Local | Sharing::Offering { .. } | Sharing::Joining { .. } => None,
            })
            .flatten()
            .collect();
        let is_needed = |org: &OrgId| {
            in_channels.contains(org)
                || self.state().partners().contains_key(org)
                || self.snapshot.conflicts.contains_key(org)
        };
        let mut may_go = introduced.iter().filter(|(org, _)| !is_needed(org));
        let goes = may_go.find(|(_, introducer)| !full_by_one || by_one(introducer));
        let Some(goes) = goes.map(|(org, _)| *org) else {
            return false;
        };
        self.forget_introduced(goes, step);
        true
    }

    /// Keeps nothing of an organisation that is known by introduction alone. The channels that it was in keep who it is.
    fn forget_introduced(&mut self, org: OrgId, step: &mut Step<'_, Effect>) {
        let known = self.snapshot.identities.remove(&org);
        for note in known.iter().flat_map(|known| known.notes()) {
            self.delete_note(IDENTITY, &identity_note_id(org, note), step);
        }
        self.delete_note(INTRODUCED, org.as_bytes(), step);
        self.snapshot.introduced_by.remove(&org);
    }
}
