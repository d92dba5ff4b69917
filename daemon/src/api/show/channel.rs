//! Channels, as callers are shown them: what the organisation calls them, and what their charters say.

use std::collections::BTreeSet;

use foedus_federation::channel::{ChannelView, Governance};
use foedus_federation::charter::{AtEnd, Charter, Newcomers};
use foedus_policy::action::Actor;
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::state::{Channel, Sharing, Visibility};
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;

use super::super::Seen;
use super::super::doctor::problem_message;
use super::partner::{LinkStates, lag, link_state};
use super::{access, maybe_time};
use crate::doctor::{Alone, Fork, Forked, alone, forked};

/// How much is held back, whose, and until when.
pub fn held(view: &ChannelView) -> (u64, Vec<OrgId>, Option<Timestamp>) {
    let mut origins: Vec<OrgId> = view
        .waiting
        .values()
        .map(|waiting| waiting.entry.origin)
        .collect();
    origins.sort_unstable();
    origins.dedup();
    let until = view
        .waiting
        .values()
        .filter_map(|waiting| waiting.until)
        .min();
    (view.waiting.len() as u64, origins, until)
}

impl Seen {
    /// A channel. Without a view, only what the organisation's state says.
    pub(in crate::api) fn channel_message(
        &self,
        id: ChannelId,
        view: Option<&ChannelView>,
        links: &LinkStates,
        actor: &Actor,
    ) -> v1::Channel {
        let Some(channel) = self.state().channels().get(&id) else {
            return v1::Channel::default();
        };
        let governance = view.map(|view| view.governance.as_ref());
        let mut message = v1::Channel {
            channel_id: id.to_string(),
            name: channel.name.to_string(),
            topic: channel.topic.to_string(),
            visibility: visibility(channel.visibility).into(),
            state: self.channel_state(channel, governance).into(),
            shared: matches!(channel.sharing, Sharing::Shared { .. }),
            project: channel
                .project
                .and_then(|project| self.state().projects().get(&project))
                .map_or_else(String::new, |project| project.name.to_string()),
            joined: actor
                .member()
                .is_some_and(|member| self.state().author(id, member).is_some()),
            member_count: self.state().members_of(id).count() as u64,
            requests_waiting: self.requests_waiting(id),
            ..v1::Channel::default()
        };
        match &channel.sharing {
            Sharing::Local => {}
            Sharing::Offering { offer, .. } | Sharing::Joining { offer, .. } => {
                message.ends_at = maybe_time(offer.ends);
                message.capabilities = offer
                    .capabilities
                    .iter()
                    .map(|word| word.to_string())
                    .collect();
            }
            Sharing::Shared { ends, ended, .. } => {
                message.ends_at = maybe_time(*ends);
                if let Some(ended) = ended {
                    message.ended_at = super::time(ended.at);
                    message.end_cause = ended.cause.to_string();
                }
            }
        }
        if let Some(view) = view {
            self.add_view(&mut message, view, links);
        }
        message
    }

    /// What the charter says, who holds what, and what waits.
    fn add_view(&self, message: &mut v1::Channel, view: &ChannelView, links: &LinkStates) {
        let (entries, _, until) = held(view);
        message.held_entries = entries;
        message.held_until = maybe_time(until);
        if let Some(newest) = view.governance.newest() {
            let charter = newest.charter();
            message.revision = u32::try_from(charter.number).unwrap_or(u32::MAX);
            message.charter = newest.hash().to_string();
            message.capabilities = charter
                .capabilities
                .iter()
                .map(|word| word.to_string())
                .collect();
            message.ends_at = maybe_time(charter.end);
            message.at_end = match charter.at_end {
                AtEnd::Keep => v1::AtEnd::Keep.into(),
                AtEnd::Erase => v1::AtEnd::Erase.into(),
            };
            message.newcomers = match charter.newcomers {
                Newcomers::All => v1::Newcomers::All.into(),
                Newcomers::FromJoin => v1::Newcomers::FromJoin.into(),
            };
            message.participants = self.participants(charter, view, links);
        }
        if let Some(ended) = view.governance.ended(self.now) {
            message.ended_at = super::time(ended.at);
            message.end_cause = ended.cause.to_string();
        }
        let forks = self.forks(&message.name, view);
        let forks = forks.iter().map(forked);
        let left = self.alone(&message.name, view);
        let left = left.iter().map(|one| alone(one, self.now));
        message.problems = forks.chain(left).map(problem_message).collect();
    }

    fn channel_state(
        &self,
        channel: &Channel,
        governance: Option<&Governance>,
    ) -> v1::ChannelState {
        let over = governance.is_some_and(|governance| governance.ended(self.now).is_some());
        if over || channel.is_ended(self.now) {
            return v1::ChannelState::Ended;
        }
        if governance.is_some_and(|governance| governance.two_seals().is_some()) {
            return v1::ChannelState::Frozen;
        }
        if channel.archived {
            return v1::ChannelState::Archived;
        }
        match &channel.sharing {
            // A host goes on writing to its channel until the charter is in force.
            Sharing::Local | Sharing::Offering { .. } | Sharing::Shared { .. } => {
                v1::ChannelState::Open
            }
            Sharing::Joining { .. } => v1::ChannelState::Waiting,
        }
    }

    fn participants(
        &self,
        charter: &Charter,
        view: &ChannelView,
        links: &LinkStates,
    ) -> Vec<v1::Participant> {
        let newest = view.governance.newest();
        let mut orgs: Vec<OrgId> = charter.participants.keys().copied().collect();
        orgs.sort_by_key(|org| (*org != charter.host, *org));
        orgs.into_iter()
            .map(|org| {
                let ours = org == view.us;
                let partner = self.state().partners().get(&org);
                let introduced_by = match partner {
                    None if !ours => self.org.introduced_by.get(&org),
                    _ => None,
                };
                let link = links.get(&org);
                v1::Participant {
                    organisation_id: org.to_string(),
                    handle: self.handle(org),
                    ours,
                    host: org == charter.host,
                    access: access(charter.participants[&org]).into(),
                    consented: newest.is_some_and(|newest| newest.is_agreed_by(org)),
                    verified: ours || partner.is_some_and(|partner| partner.verified),
                    introduced_by: introduced_by.map_or_else(String::new, |by| self.handle(*by)),
                    link_state: match partner {
                        Some(_) => link_state(link).into(),
                        None => v1::LinkState::Unspecified.into(),
                    },
                    last_seen_at: maybe_time(link.and_then(|link| link.last_seen)),
                    lag: match ours {
                        true => None,
                        false => lag(link),
                    },
                    withdrew_at: maybe_time(view.governance.withdrew_at(org)),
                }
            })
            .collect()
    }

    fn requests_waiting(&self, channel: ChannelId) -> Vec<String> {
        let requests = self.state().requests().iter();
        requests
            .filter(|(_, request)| {
                request.is_waiting()
                    && !request.is_due(self.now)
                    && request.kind.channel() == Some(channel)
            })
            .map(|(number, _)| number.to_string())
            .collect()
    }

    /// That all others have left a channel which goes on here.
    pub(in crate::api) fn alone(&self, channel: &str, view: &ChannelView) -> Option<Alone> {
        let governance = &view.governance;
        governance.is_alone(self.now).then(|| Alone {
            channel: channel.to_owned(),
            hosted: governance.host() == Some(view.us),
            left: governance
                .left()
                .map(|(org, at)| (self.handle(org), at))
                .collect(),
        })
    }

    /// What the organisations of a channel signed in two ways; of several logs of one origin only once.
    pub(in crate::api) fn forks(&self, channel: &str, view: &ChannelView) -> Vec<Fork> {
        let two_seals = view.governance.two_seals();
        let host = two_seals.and(view.governance.host());
        let charter = host.map(|host| (Forked::Charter, host));
        let logs = view.logs.iter().filter(|(_, log)| log.is_frozen());
        let logs = logs.map(|(id, _)| (Forked::Log, id.origin));
        let forks: BTreeSet<(Forked, OrgId)> = charter.into_iter().chain(logs).collect();
        let fork = |(what, signer)| Fork {
            channel: channel.to_owned(),
            signer: self.handle(signer),
            what,
        };
        forks.into_iter().map(fork).collect()
    }
}

fn visibility(visibility: Visibility) -> v1::Visibility {
    match visibility {
        Visibility::Public => v1::Visibility::Public,
        Visibility::Private => v1::Visibility::Private,
        Visibility::Direct => v1::Visibility::Direct,
    }
}
