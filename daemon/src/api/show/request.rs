//! Requests, as callers are shown them.

use foedus_policy::bounds::REQUEST_MILLIS;
use foedus_policy::id::{ChannelId, OrgId, RequestNumber};
use foedus_policy::state::{
    Channel, InvitationId, InvitationState, Offer, Person, Request, RequestKind, RequestState,
    Sharing,
};
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;

use super::super::Seen;
use super::{Comparison, maybe_time, time};

/// Who decided, and when.
pub(super) fn decided(request: &Request) -> Option<(Person, Timestamp)> {
    match &request.state {
        RequestState::Approved { by, at } | RequestState::Declined { by, at, .. } => {
            Some((*by, *at))
        }
        RequestState::Waiting | RequestState::Withdrawn | RequestState::Expired => None,
    }
}

impl Seen {
    pub(in crate::api) fn request_message(&self, number: RequestNumber) -> v1::Request {
        let Some(request) = self.state().requests().get(&number) else {
            return v1::Request::default();
        };
        let kind = self.kind_of(number, request);
        let (handle, partner) = self.partner_of(number, &request.kind);
        let offer = offer_of(&request.kind);
        let channel = offer.map(|offer| offer.channel);
        let local = channel.and_then(|channel| self.state().channels().get(&channel));
        let decided = decided(request);
        let (reason, purpose) = (declined_because(request), purpose_of(&request.kind));
        let invitation = self.invitation_of(number, &request.kind);
        let waits = request.is_waiting();
        let side = match &request.kind {
            RequestKind::Peer { .. } => v1::PairingSide::Invitee,
            RequestKind::Share { .. } if invitation.is_some() => v1::PairingSide::Inviter,
            RequestKind::Share { .. } | RequestKind::Join { .. } => v1::PairingSide::Unspecified,
        };
        // The words belong to the request that the pairing came with, and to no other about the same partner.
        let comparison = partner
            .filter(|org| self.request_of(*org) == Some(number))
            .and_then(|org| self.comparison(org));
        let Comparison {
            words,
            same,
            differ,
        } = comparison.unwrap_or_default();
        v1::Request {
            number: number.0,
            name: number.to_string(),
            kind: kind.into(),
            state: self.state_of(request).into(),
            requester: self.person(request.by),
            partner_handle: handle,
            partner_organisation_id: partner.map_or_else(String::new, |org| org.to_string()),
            channel_id: channel.map_or_else(String::new, |channel| channel.to_string()),
            channel_name: local.map_or_else(String::new, |local| local.name.to_string()),
            project: offer.map_or_else(String::new, |offer| offer.project.to_string()),
            ends_at: offer.and_then(|offer| maybe_time(offer.ends)),
            capabilities: offer.map_or_else(Vec::new, capability_names),
            access: match offer {
                Some(_) => v1::Access::Full.into(),
                None => v1::Access::Unspecified.into(),
            },
            purpose,
            words,
            pairing_side: side.into(),
            created_at: time(request.at),
            decided_at: decided.and_then(|(_, at)| time(at)),
            decided_by: decided.map_or_else(String::new, |(by, _)| self.person(by)),
            decline_reason: reason,
            next_step: self.next_step(number, request),
            invitation_id: invitation.map_or_else(String::new, |id| id.to_string()),
            reply_text: String::new(),
            expires_at: match waits {
                true => time(request.at.plus_millis(REQUEST_MILLIS)),
                false => None,
            },
            if_words_same: same,
            if_words_differ: differ,
            agreed_ends_at: match (waits, kind) {
                (true, v1::RequestKind::Revise) => maybe_time(local.and_then(agreed_end)),
                _ => None,
            },
        }
    }

    fn kind_of(&self, number: RequestNumber, request: &Request) -> v1::RequestKind {
        match &request.kind {
            RequestKind::Share { .. } => v1::RequestKind::Share,
            RequestKind::Peer { .. } => v1::RequestKind::Peer,
            RequestKind::Join { offer, .. } => {
                // That yes may be so long ago that its request is kept no more.
                let shared = request.is_waiting() && self.is_shared(offer.channel);
                match shared || self.comes_after_a_yes(number, offer.channel) {
                    true => v1::RequestKind::Revise,
                    false => v1::RequestKind::Join,
                }
            }
        }
    }

    /// Whether a request came after a yes to the same channel, so that it asks for other terms. What was before it
    /// stays as it is, and so does its kind.
    fn comes_after_a_yes(&self, number: RequestNumber, channel: ChannelId) -> bool {
        let mut before = self.state().requests().range(..number);
        before.any(|(_, earlier)| {
            matches!(earlier.state, RequestState::Approved { .. })
                && !matches!(earlier.kind, RequestKind::Share { .. })
                && earlier.kind.channel() == Some(channel)
        })
    }

    /// What became of it, the other side's part included.
    pub(in crate::api) fn state_of(&self, request: &Request) -> v1::RequestState {
        match &request.state {
            RequestState::Waiting if request.is_due(self.now) => v1::RequestState::Expired,
            RequestState::Waiting => v1::RequestState::Waiting,
            RequestState::Declined { .. } => v1::RequestState::Declined,
            RequestState::Withdrawn => v1::RequestState::Withdrawn,
            RequestState::Expired => v1::RequestState::Expired,
            RequestState::Approved { .. } => match self.is_done(&request.kind) {
                true => v1::RequestState::Done,
                false => v1::RequestState::Approved,
            },
        }
    }

    fn is_done(&self, kind: &RequestKind) -> bool {
        match kind {
            RequestKind::Peer {
                partner,
                offer: None,
                ..
            } => self.has_approved_us(*partner),
            _ => {
                let channel = kind.channel();
                let channel = channel.and_then(|channel| self.state().channels().get(&channel));
                let agreed = offer_of(kind).and_then(|offer| offer.ends);
                channel.is_some_and(|channel| match &channel.sharing {
                    // A later end is done once it is in force; what was first agreed may have been extended since.
                    Sharing::Shared { ends, .. } => {
                        ends.is_none_or(|ends| agreed.is_some_and(|agreed| agreed <= ends))
                    }
                    _ => false,
                })
            }
        }
    }

    /// The other organisation's handle, and which it is, once somebody answered.
    fn partner_of(&self, number: RequestNumber, kind: &RequestKind) -> (String, Option<OrgId>) {
        match kind {
            RequestKind::Share { partner, offer, .. } => {
                let channel = self.state().channels().get(&offer.channel);
                let offered_to = match channel.map(|channel| &channel.sharing) {
                    Some(Sharing::Offering { partner, .. }) => *partner,
                    _ => None,
                };
                let answered = self.invitation_of(number, kind).and_then(|id| {
                    match self.state().invitations().get(&id)?.state {
                        InvitationState::Used { by } => Some(by),
                        _ => None,
                    }
                });
                let named = || self.state().partner_named(partner);
                (partner.to_string(), offered_to.or(answered).or_else(named))
            }
            RequestKind::Peer { partner, .. } => (self.handle(*partner), Some(*partner)),
            RequestKind::Join { host, .. } => (self.handle(*host), Some(*host)),
        }
    }

    fn invitation_of(&self, number: RequestNumber, kind: &RequestKind) -> Option<InvitationId> {
        if let RequestKind::Peer { invitation, .. } = kind {
            return Some(*invitation);
        }
        let invitations = self.state().invitations().iter();
        let mut of_request = invitations.filter(|(_, known)| known.request == Some(number));
        of_request.next().map(|(id, _)| *id)
    }

    /// The request that a partner comes with: by the invitation of this peering, not of an earlier one.
    pub(in crate::api) fn request_of(&self, partner: OrgId) -> Option<RequestNumber> {
        let known = self.state().partners().get(&partner)?;
        if let Some(ours) = self.state().invitations().get(&known.invitation) {
            return ours.request;
        }
        let comes_with = |request: &Request| {
            matches!(&request.kind, RequestKind::Peer { partner: with, invitation, .. }
                if *with == partner && *invitation == known.invitation)
        };
        let mut requests = self.state().requests().iter().rev();
        let of_partner = requests.find(|(_, request)| comes_with(request));
        of_partner.map(|(number, _)| *number)
    }
}

/// When a shared channel ends by what holds now.
fn agreed_end(channel: &Channel) -> Option<Timestamp> {
    match &channel.sharing {
        Sharing::Shared { ends, .. } => *ends,
        Sharing::Local | Sharing::Offering { .. } | Sharing::Joining { .. } => None,
    }
}

fn offer_of(kind: &RequestKind) -> Option<&Offer> {
    match kind {
        RequestKind::Share { offer, .. } | RequestKind::Join { offer, .. } => Some(offer),
        RequestKind::Peer { offer, .. } => offer.as_ref(),
    }
}

fn capability_names(offer: &Offer) -> Vec<String> {
    offer
        .capabilities
        .iter()
        .map(|word| word.to_string())
        .collect()
}

fn declined_because(request: &Request) -> String {
    match &request.state {
        RequestState::Declined { reason, .. } => reason.to_string(),
        _ => String::new(),
    }
}

fn purpose_of(kind: &RequestKind) -> String {
    match kind {
        RequestKind::Share { purpose, .. } => purpose.to_string(),
        RequestKind::Peer { .. } | RequestKind::Join { .. } => String::new(),
    }
}
