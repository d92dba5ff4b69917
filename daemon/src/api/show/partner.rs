//! Partners and links, as callers are shown them.

use std::collections::BTreeMap;

use foedus_federation::link::VERSION;
use foedus_policy::decide::{carrier_allowed, origin_allowed};
use foedus_policy::id::OrgId;
use foedus_policy::reason::Reason;
use foedus_policy::state::{Listing, PartnerMode, PartnerState, Sharing};
use foedus_proto::api::v1;

use super::super::Seen;
use super::{Comparison, maybe_time, time};
use crate::runtime::{LinkState, LinkStatus};

/// How each link is.
pub(in crate::api) type LinkStates = BTreeMap<OrgId, LinkStatus>;

pub(in crate::api) fn link_state(status: Option<&LinkStatus>) -> v1::LinkState {
    match status.map(|status| status.state) {
        Some(LinkState::Up) => v1::LinkState::Up,
        Some(LinkState::Connecting) => v1::LinkState::Connecting,
        Some(LinkState::Resting) => v1::LinkState::Resting,
        Some(LinkState::Down) | None => v1::LinkState::Down,
    }
}

/// While the link is down, as it was when that ended: nobody knows what the partner has got from others since.
pub(in crate::api) fn lag(status: Option<&LinkStatus>) -> Option<v1::Lag> {
    let status = status?;
    let known_at = status.lag_known_at?;
    Some(v1::Lag {
        unacknowledged_entries: status.lag_entries,
        known_at: match status.state {
            LinkState::Up => None,
            LinkState::Down | LinkState::Connecting | LinkState::Resting => time(known_at),
        },
    })
}

impl Seen {
    fn partner_state(&self, org: OrgId, state: PartnerState) -> v1::PartnerState {
        match state {
            PartnerState::Replied | PartnerState::Accepted => v1::PartnerState::WaitingForUs,
            PartnerState::Active if origin_allowed(self.state(), org).is_err() => {
                v1::PartnerState::Denied
            }
            PartnerState::Active if self.has_approved_us(org) => v1::PartnerState::Active,
            PartnerState::Active => v1::PartnerState::WaitingForThem,
            PartnerState::Suspended => v1::PartnerState::Suspended,
            PartnerState::Disconnected => v1::PartnerState::Disconnected,
        }
    }

    pub(in crate::api) fn partner_message(&self, org: OrgId, links: &LinkStates) -> v1::Partner {
        let Some(partner) = self.state().partners().get(&org) else {
            return v1::Partner::default();
        };
        let active = carrier_allowed(self.state(), org).is_ok();
        // Who is kept out has no link, and was seen and told things all the same.
        let known = links.get(&org);
        let link = known.filter(|_| active);
        let identity = self.org.identity(org);
        let channels = self.state().channels_with(org);
        let mut channels: Vec<String> = channels
            .map(|(_, channel)| channel.name.to_string())
            .collect();
        channels.sort_unstable();
        let next_step = self.next_step_with(org);
        let Comparison {
            words,
            same,
            differ,
        } = self.comparison(org).unwrap_or_default();
        v1::Partner {
            organisation_id: org.to_string(),
            handle: partner.handle.to_string(),
            state: self.partner_state(org, partner.state).into(),
            trust: match partner.verified {
                true => v1::Trust::Verified.into(),
                false => v1::Trust::Unverified.into(),
            },
            link_state: match active {
                true => link_state(link).into(),
                false => v1::LinkState::Closed.into(),
            },
            link_problem: link
                .filter(|link| link.state != LinkState::Up)
                .and_then(|link| link.last_problem.clone())
                .unwrap_or_default(),
            endpoints: self.org.dial_addresses(org),
            last_seen_at: maybe_time(known.and_then(|link| link.last_seen)),
            lag: lag(known),
            clock_skew_ms: link.and_then(|link| link.clock_skew_millis).unwrap_or(0),
            protocol_version: match link_state(link) {
                v1::LinkState::Up => VERSION.to_string(),
                _ => String::new(),
            },
            channels,
            request: self
                .request_of(org)
                .map_or_else(String::new, |number| number.to_string()),
            words,
            peered_at: match active {
                true => time(partner.since),
                false => None,
            },
            identity_serial: identity.as_ref().map_or(0, |chain| chain.current().serial),
            root_key: identity.map_or_else(String::new, |chain| chain.current().root.to_string()),
            if_words_same: same,
            if_words_differ: differ,
            next_step,
        }
    }

    /// Both lists of the partner rules.
    pub(in crate::api) fn partner_rules(&self) -> Vec<v1::PartnerRule> {
        let rule =
            |(pattern, listing): (&foedus_policy::name::Pattern, &Listing)| v1::PartnerRule {
                pattern: pattern.to_string(),
                deny: *listing == Listing::Deny,
            };
        self.state().patterns().iter().map(rule).collect()
    }

    /// The handles of approved partners that both lists together deny, sorted.
    pub(in crate::api) fn denied_partners(&self) -> Vec<String> {
        let denied = |org| origin_allowed(self.state(), org) == Err(Reason::PartnerDenied);
        let partners = self.state().partners().iter();
        let mut denied: Vec<String> = partners
            .filter(|(org, partner)| {
                let approved = matches!(
                    partner.state,
                    PartnerState::Active | PartnerState::Suspended
                );
                approved && denied(**org)
            })
            .map(|(_, partner)| partner.handle.to_string())
            .collect();
        denied.sort_unstable();
        denied
    }

    pub(in crate::api) fn partner_mode(&self) -> v1::PartnerMode {
        match self.state().mode() {
            PartnerMode::Nobody => v1::PartnerMode::Nobody,
            PartnerMode::Listed => v1::PartnerMode::Listed,
            PartnerMode::AnyoneAfterApproval => v1::PartnerMode::AnyoneAfterApproval,
        }
    }

    /// The channels that are shared with a partner, and who else could carry its entries there.
    pub(in crate::api) fn affected(
        &self,
        partner: OrgId,
        held_back: bool,
    ) -> Vec<v1::AffectedChannel> {
        let mut affected: Vec<v1::AffectedChannel> = self
            .state()
            .channels_with(partner)
            .map(|(id, channel)| {
                let carriers = match &channel.sharing {
                    Sharing::Shared { participants, .. } => participants
                        .keys()
                        .filter(|org| **org != partner && Some(**org) != self.org.org())
                        .map(|org| self.handle(*org))
                        .collect(),
                    _ => Vec::new(),
                };
                v1::AffectedChannel {
                    channel_id: id.to_string(),
                    channel_name: channel.name.to_string(),
                    carriers,
                    held_back,
                }
            })
            .collect();
        affected.sort_by(|left, right| left.channel_name.cmp(&right.channel_name));
        affected
    }
}
