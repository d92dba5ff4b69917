//! What becomes of a charter that a partner puts before us, and of an invitation that was taken up
//! before: one answer each, asked for by the rule and by what applies it.

use crate::action::AcceptedInvitation;
use crate::bounds::APPROVAL_MILLIS;
use crate::id::{NoteHash, OrgId, RequestNumber};
use crate::state::{Channel, Offer, PartnerState, RequestKind, RequestState, Sharing, State};
use crate::time::Timestamp;

/// What becomes of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferFate {
    /// An administrator said yes to exactly this.
    ApprovedAlready,
    /// It waits for an answer.
    Waits,
    /// An administrator said no to exactly this.
    DeclinedAlready,
    /// An administrator has to be asked, in place of an earlier offer if one waits.
    New { replaces: Option<RequestNumber> },
}

impl OfferFate {
    /// The fate of revision `charter` that `host` puts before us, and that comes to `offer`.
    pub(crate) fn of(
        state: &State,
        host: OrgId,
        charter: NoteHash,
        offer: &Offer,
        beyond_offer: bool,
        now: Timestamp,
    ) -> Self {
        let approved = state.channels().get(&offer.channel).is_some_and(|channel| {
            matches!(&channel.sharing, Sharing::Joining { host: by, offer: terms }
                if *by == host && terms == offer)
        });
        if approved && !beyond_offer {
            return Self::ApprovedAlready;
        }
        let known = state.channels().get(&offer.channel);
        let shared = known.is_some_and(Channel::is_shared);
        let mut replaces = None;
        for (number, request) in state.requests().iter().rev() {
            let RequestKind::Join {
                host: by,
                charter: known,
                offer: terms,
            } = &request.kind
            else {
                continue;
            };
            if *by != host || terms.channel != offer.channel {
                continue;
            }
            match request.state {
                RequestState::Waiting if *known == charter => return Self::Waits,
                RequestState::Waiting => replaces = Some(*number),
                RequestState::Declined { .. } if *known == charter => {
                    return Self::DeclinedAlready;
                }
                RequestState::Approved { at, .. }
                    if *known == charter && (approved || shared) && holds(at, now) =>
                {
                    return Self::ApprovedAlready;
                }
                _ => {}
            }
        }
        Self::New { replaces }
    }
}

/// Whether a yes of then still counts: people were told until when it does.
fn holds(at: Timestamp, now: Timestamp) -> bool {
    now.millis_since(at) < APPROVAL_MILLIS
}

/// The request that came of an invitation of somebody else's, while it can still lead to a
/// partner: by the same organisation, under the same keys.
pub(crate) fn request_of_invitation(
    state: &State,
    accepted: &AcceptedInvitation,
) -> Option<RequestNumber> {
    let partner = state.partners().get(&accepted.inviter)?;
    let open = matches!(partner.state, PartnerState::Accepted | PartnerState::Active);
    let same = partner.invitation == accepted.invitation
        && partner.root == accepted.root
        && partner.words == accepted.words;
    let mut requests = state.requests().iter().rev();
    let (number, _) = requests.find(|(_, request)| {
        matches!(request.kind, RequestKind::Peer { partner, invitation, .. }
            if partner == accepted.inviter && invitation == accepted.invitation)
    })?;
    (open && same).then_some(*number)
}
