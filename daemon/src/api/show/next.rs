//! What has to happen next with a request, and who has to do it: one sentence that is shown verbatim.

use foedus_policy::id::{ChannelId, OrgId, RequestNumber};
use foedus_policy::state::{
    InvitationState, PartnerState, Request, RequestKind, RequestState, Sharing,
};

use super::super::Seen;

impl Seen {
    /// The sentence; empty when nothing has to happen.
    pub(super) fn next_step(&self, number: RequestNumber, request: &Request) -> String {
        match (&request.state, &request.kind) {
            (RequestState::Waiting, _) if request.is_due(self.now) => {
                "nobody decided in time; ask anew if it is still wanted".to_owned()
            }
            (RequestState::Waiting, RequestKind::Share { partner, .. }) => format!(
                "an administrator here approves it with `foedus --as NAME request approve {number}`; then \
                 {partner} is asked, and nothing is shared before its administrator agrees"
            ),
            (RequestState::Waiting, RequestKind::Peer { partner, offer, .. }) => {
                let name = offer.as_ref().map_or("", |_| " --channel NAME");
                let handle = self.handle(*partner);
                format!(
                    "an administrator here compares the six words with {handle}'s administrator by telephone \
                     and approves with `foedus --as NAME request approve {number} --words \"...\"{name}`; \
                     {handle} confirms on its side by the same words"
                )
            }
            (RequestState::Waiting, RequestKind::Join { host, offer, .. })
                if self.is_shared(offer.channel) =>
            {
                format!(
                    "an administrator here looks at the terms that {} proposes and approves them with \
                     `foedus --as NAME request approve {number}`; until then what was agreed before holds",
                    self.handle(*host)
                )
            }
            (RequestState::Waiting, RequestKind::Join { host, .. }) => format!(
                "an administrator here looks at the terms that {} offers and approves them with \
                 `foedus --as NAME request approve {number} --channel NAME`",
                self.handle(*host)
            ),
            (RequestState::Approved { .. }, kind) => self.after_approval(number, kind),
            (
                RequestState::Declined { .. } | RequestState::Withdrawn | RequestState::Expired,
                _,
            ) => String::new(),
        }
    }

    fn is_shared(&self, channel: ChannelId) -> bool {
        let known = self.state().channels().get(&channel);
        known.is_some_and(foedus_policy::state::Channel::is_shared)
    }

    fn after_approval(&self, number: RequestNumber, kind: &RequestKind) -> String {
        match kind {
            RequestKind::Share { partner, offer, .. } => {
                let sharing = self.state().channels().get(&offer.channel);
                match sharing.map(|channel| &channel.sharing) {
                    Some(Sharing::Offering {
                        partner: Some(org),
                        invitation,
                        ..
                    }) => self.after_confirmation(*org, partner.as_str(), invitation.is_some()),
                    Some(Sharing::Offering { .. }) => {
                        self.after_invitation(number, partner.as_str())
                    }
                    _ => String::new(),
                }
            }
            RequestKind::Peer { partner, offer, .. } => {
                let handle = self.handle(*partner);
                let known = self.state().partners().get(partner);
                let confirmed = self.org.their_peerings.contains_key(partner);
                let sealed = offer.as_ref().is_none_or(|offer| {
                    let channel = self.state().channels().get(&offer.channel);
                    channel.is_some_and(foedus_policy::state::Channel::is_shared)
                });
                match known.map(|known| known.state) {
                    Some(PartnerState::Active) if !confirmed => format!(
                        "{handle}'s administrator confirms by the six words with `foedus partner confirm`; \
                         then the link opens by itself"
                    ),
                    Some(PartnerState::Active) if !sealed => {
                        format!("nothing to do: {handle} seals the charter, and the channel opens")
                    }
                    _ => String::new(),
                }
            }
            RequestKind::Join { host, offer, .. } => {
                let channel = self.state().channels().get(&offer.channel);
                match channel.map(|channel| &channel.sharing) {
                    Some(Sharing::Joining { .. }) => format!(
                        "nothing to do: {} seals the charter, and the channel opens",
                        self.handle(*host)
                    ),
                    Some(Sharing::Shared {
                        ends, ended: None, ..
                    }) if *ends < offer.ends => format!(
                        "nothing to do: {} seals the revision, and it holds",
                        self.handle(*host)
                    ),
                    _ => String::new(),
                }
            }
        }
    }

    /// The partner is confirmed, and the channel offered to it. Whoever was invited says yes to peering and channel
    /// at once; whether it has, we learn over the link.
    fn after_confirmation(&self, org: OrgId, handle: &str, invited: bool) -> String {
        match (invited, self.org.their_peerings.contains_key(&org)) {
            (true, true) => format!(
                "nothing to do: {handle} has approved it too, and the channel opens by itself"
            ),
            (true, false) => format!(
                "nothing to do here: when {handle} has approved it too, the link opens by itself, and the channel \
                 with it; until then nothing is shared"
            ),
            (false, _) => format!(
                "an administrator of {handle} agrees to the charter; until then nothing is shared"
            ),
        }
    }

    /// The partner is invited: whether it answered, and what then.
    fn after_invitation(&self, number: RequestNumber, handle: &str) -> String {
        let mut invitations = self.state().invitations().iter();
        let invitation = invitations.find(|(_, invitation)| invitation.request == Some(number));
        match invitation.map(|(id, invitation)| (id, invitation.state)) {
            Some((id, InvitationState::Open)) => format!(
                "send the invitation to the administrator of {handle}, who types `foedus partner accept`; \
                 `foedus invitation show {id}` prints it again"
            ),
            Some((_, InvitationState::Used { by })) => {
                let waits = self
                    .state()
                    .partners()
                    .get(&by)
                    .is_some_and(|partner| partner.state == PartnerState::Replied);
                match waits {
                    true => format!(
                        "{handle} answered the invitation; an administrator here compares the six words with its \
                         administrator by telephone and types `foedus --as NAME partner confirm {handle} --words \"...\"`"
                    ),
                    false => String::new(),
                }
            }
            Some((_, InvitationState::Revoked)) => {
                "the invitation was revoked; ask anew".to_owned()
            }
            Some((_, InvitationState::Expired)) => {
                "the invitation has expired; ask anew".to_owned()
            }
            None => String::new(),
        }
    }
}
