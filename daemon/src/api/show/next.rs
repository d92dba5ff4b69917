//! What has to happen next with a request, and who has to do it: one sentence that is shown verbatim.

use foedus_policy::id::{ChannelId, OrgId, RequestNumber};
use foedus_policy::state::{
    InvitationState, PartnerState, Request, RequestKind, RequestState, Sharing,
};

use super::super::Seen;
use super::Comparison;

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
            (RequestState::Waiting, RequestKind::Peer { partner, .. }) => {
                self.to_compare(*partner).unwrap_or_default()
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

    /// The same for a partner, whether or not a request belongs to it.
    pub(super) fn next_step_with(&self, org: OrgId) -> String {
        let known = self.state().partners().get(&org).map(|known| known.state);
        match known {
            Some(PartnerState::Active) if !self.has_approved_us(org) => {
                self.until_they_approve(&self.handle(org))
            }
            _ => self.to_compare(org).unwrap_or_default(),
        }
    }

    /// `None` when there are no words to compare with this organisation.
    fn to_compare(&self, org: OrgId) -> Option<String> {
        let Comparison { same, differ, .. } = self.comparison(org)?;
        let handle = self.handle(org);
        Some(format!(
            "an administrator here compares the six words with {handle}'s administrator, by telephone: if they are \
             the same, `{same}`, and if not, `{differ}`; {handle}'s administrator does the same there"
        ))
    }

    /// We said yes; that they have, we learn with the first link only.
    fn until_they_approve(&self, handle: &str) -> String {
        format!(
            "nothing to do here: once {handle}'s administrator has said yes as well, which may have happened \
             already, the link opens by itself; until then nothing is shared"
        )
    }

    pub(super) fn is_shared(&self, channel: ChannelId) -> bool {
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
                let confirmed = self.has_approved_us(*partner);
                let sealed = offer.as_ref().is_none_or(|offer| {
                    let channel = self.state().channels().get(&offer.channel);
                    channel.is_some_and(foedus_policy::state::Channel::is_shared)
                });
                match known.map(|known| known.state) {
                    Some(PartnerState::Active) if !confirmed => self.until_they_approve(&handle),
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
        match (invited, self.has_approved_us(org)) {
            (true, true) => format!(
                "nothing to do: {handle} has approved it too, and the channel opens by itself"
            ),
            (true, false) => format!(
                "nothing to do here: once {handle}'s administrator has said yes as well, which may have happened \
                 already, the link opens by itself, and the channel with it; until then nothing is shared"
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
            Some((_, InvitationState::Used { by })) if self.request_of(by) == Some(number) => {
                match self.to_compare(by) {
                    Some(compare) => format!("{handle} answered the invitation; {compare}"),
                    None => String::new(),
                }
            }
            Some((_, InvitationState::Used { .. })) => String::new(),
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
