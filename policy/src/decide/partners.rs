//! Rules about other organisations: whom to have as a partner, and from whom to take anything.

use super::Asked;
use crate::action::{AcceptedInvitation, Reply};
use crate::bounds::{INVITATIONS_COUNT_MAX, PARTNERS_COUNT_MAX, PATTERNS_COUNT_MAX};
use crate::id::OrgId;
use crate::name::{Handle, Pattern};
use crate::offer::request_of_invitation;
use crate::reason::Reason;
use crate::state::{
    InvitationId, InvitationState, Listing, Partner, PartnerMode, PartnerState, State,
};
use crate::words::match_words;

use super::caller::Caller;

/// Whether what an organisation wrote may be taken at all, whoever carries it: it is not denied
/// and not suspended. That it takes part in the channel is the charter's to say.
pub fn origin_allowed(state: &State, org: OrgId) -> Result<(), Reason> {
    let partner = state.partners().get(&org);
    if state.listing(Some(&org), partner.map(|partner| &partner.handle)) == Some(Listing::Deny) {
        return Err(Reason::PartnerDenied);
    }
    match partner {
        Some(Partner {
            state: PartnerState::Suspended,
            ..
        }) => Err(Reason::PartnerSuspended),
        _ => Ok(()),
    }
}

/// Whether there may be a link with an organisation: an active partner that is not denied.
pub fn carrier_allowed(state: &State, org: OrgId) -> Result<(), Reason> {
    let partner = state.partners().get(&org).ok_or(Reason::PartnerUnknown)?;
    origin_allowed(state, org)?;
    match partner.state {
        PartnerState::Active => Ok(()),
        PartnerState::Suspended => Err(Reason::PartnerSuspended),
        PartnerState::Disconnected => Err(Reason::PartnerDisconnected),
        PartnerState::Replied | PartnerState::Accepted => Err(Reason::PartnerNotApproved),
    }
}

/// Whether an organisation may name a link key as its own. `holders` are those whose newest identity names it: a key
/// that stands for us or for a partner stands for nobody else, or one could take the place of another. What
/// somebody is only said to be counts for nothing.
pub fn link_key_allowed(
    state: &State,
    claimant: OrgId,
    holders: impl IntoIterator<Item = OrgId>,
) -> Result<(), Reason> {
    let stands_for = |holder: &OrgId| {
        let partner = state.partners().get(holder);
        state.org() == Some(*holder)
            || partner.is_some_and(|partner| partner.state != PartnerState::Disconnected)
    };
    let mut others = holders.into_iter().filter(|holder| *holder != claimant);
    match others.any(|holder| stands_for(&holder)) {
        true => Err(Reason::LinkKeyTaken),
        false => Ok(()),
    }
}

impl Asked<'_> {
    /// Not denied, and this organisation takes new partners.
    pub(super) fn acceptable(
        &self,
        org: Option<&OrgId>,
        handle: Option<&Handle>,
    ) -> Result<(), Reason> {
        if self.state.listing(org, handle) == Some(Listing::Deny) {
            return Err(Reason::PartnerDenied);
        }
        if self.state.mode() == PartnerMode::Nobody {
            return Err(Reason::PartnersNotAllowed);
        }
        Ok(())
    }

    /// On the allow list, where the mode asks for it.
    fn listed(&self, org: &OrgId, handle: &Handle) -> Result<(), Reason> {
        let listing = self.state.listing(Some(org), Some(handle));
        if self.state.mode() == PartnerMode::Listed && listing != Some(Listing::Allow) {
            return Err(Reason::PartnerNotListed);
        }
        Ok(())
    }

    fn own_handle(&self) -> Option<&Handle> {
        self.state.identity().map(|identity| &identity.handle)
    }

    /// Whether a channel could be offered to this handle: to the partner who goes by it, or by
    /// an invitation to whoever proves to.
    pub(super) fn approachable(&self, handle: &Handle) -> Result<(), Reason> {
        if self.own_handle() == Some(handle) {
            return Err(Reason::HandleTaken);
        }
        let partner = self.state.partner_named(handle);
        match partner
            .and_then(|org| self.state.partners().get(&org))
            .map(|known| known.state)
        {
            Some(PartnerState::Active) => {
                let denied = self.state.listing(partner.as_ref(), Some(handle));
                match denied {
                    Some(Listing::Deny) => Err(Reason::PartnerDenied),
                    _ => Ok(()),
                }
            }
            Some(PartnerState::Suspended) => Err(Reason::PartnerSuspended),
            Some(PartnerState::Replied | PartnerState::Accepted) => Err(Reason::PartnerNotApproved),
            None | Some(PartnerState::Disconnected) => self.invitable(Some(handle)),
        }
    }

    /// Whether an invitation could be given out.
    fn invitable(&self, handle: Option<&Handle>) -> Result<(), Reason> {
        self.acceptable(None, handle)?;
        // Two open ones for one organisation would leave the forgotten one good.
        let now = self.now;
        let open = |state: InvitationState| state == InvitationState::Open;
        let mut invitations = self.state.invitations().values();
        if handle.is_some()
            && invitations.any(|known| {
                open(known.state) && known.expires > now && known.expects.as_ref() == handle
            })
        {
            return Err(Reason::InvitationOpen);
        }
        let kept = |(id, known): &(&InvitationId, &crate::state::Invitation)| {
            open(known.state) || self.state.invitation_is_needed(id)
        };
        if self.state.invitations().iter().filter(kept).count() >= INVITATIONS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    pub(super) fn invite_partner(&self, handle: Option<&str>) -> Result<(), Reason> {
        self.caller.named_administrator()?;
        let handle = handle
            .map(Handle::parse)
            .transpose()
            .map_err(|_| Reason::HandleInvalid)?;
        let Some(handle) = handle else {
            return self.invitable(None);
        };
        let partner = self.state.partner_named(&handle);
        let partner = partner.and_then(|org| self.state.partners().get(&org));
        if partner.is_some_and(|partner| partner.state != PartnerState::Disconnected) {
            return Err(Reason::PartnerExists);
        }
        if self.own_handle() == Some(&handle) {
            return Err(Reason::HandleTaken);
        }
        self.room_for_pattern(&Pattern::Exact(handle.clone()))?;
        self.invitable(Some(&handle))
    }

    pub(super) fn revoke_invitation(&self, invitation: InvitationId) -> Result<(), Reason> {
        self.caller.administrator()?;
        let known = self.state.invitations().get(&invitation);
        match known.ok_or(Reason::InvitationUnknown)?.state {
            InvitationState::Open => Ok(()),
            InvitationState::Used { .. } => Err(Reason::InvitationUsed),
            InvitationState::Revoked => Err(Reason::InvitationRevoked),
            InvitationState::Expired => Err(Reason::InvitationExpired),
        }
    }

    /// Whether this organisation could become a partner under this handle: it is neither one
    /// already nor mistakable for one, or for us.
    fn newcomer(&self, org: OrgId, handle: &Handle) -> Result<(), Reason> {
        let partners = self.state.partners();
        let known = partners.get(&org);
        if known.is_some_and(|partner| partner.state != PartnerState::Disconnected) {
            return Err(Reason::PartnerExists);
        }
        let namesake = self
            .state
            .partner_named(handle)
            .filter(|other| *other != org);
        let namesake = namesake.and_then(|other| partners.get(&other));
        if namesake.is_some_and(|other| other.state != PartnerState::Disconnected) {
            return Err(Reason::HandleTaken);
        }
        if known.is_none() && partners.len() >= PARTNERS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    /// Any member can bring an invitation; it only makes a request. Under mode `listed`, one from
    /// a stranger needs an administrator to bring it.
    pub(super) fn accept_invitation(&self, accepted: &AcceptedInvitation) -> Result<(), Reason> {
        self.caller.writer()?;
        let handle = Handle::parse(&accepted.handle).map_err(|_| Reason::HandleInvalid)?;
        if accepted.expires <= self.now {
            return Err(Reason::InvitationExpired);
        }
        let us = self.own_handle();
        if Some(accepted.inviter) == self.state.org() || us == Some(&handle) {
            return Err(Reason::HandleTaken);
        }
        let expects = accepted.expects.as_deref();
        if expects.is_some_and(|expects| us.is_none_or(|us| us.as_str() != expects)) {
            return Err(Reason::InvitationForAnother);
        }
        self.acceptable(Some(&accepted.inviter), Some(&handle))?;
        if !self.caller.is_administrator() {
            self.listed(&accepted.inviter, &handle)?;
        }
        // Again, because the reply did not get through: what waits is waiting, and nothing changes.
        if request_of_invitation(self.state, accepted).is_some() {
            return Ok(());
        }
        self.newcomer(accepted.inviter, &handle)?;
        if let Some(offer) = &accepted.offer {
            if offer.ends.is_some_and(|ends| ends <= self.now) {
                return Err(Reason::EndInPast);
            }
            if self.state.channels().contains_key(&offer.channel) {
                return Err(Reason::ChannelIdTaken);
            }
        }
        self.room_for_request()
    }

    /// The first durable reply uses an invitation up. The same reply again, because our answer
    /// was lost, changes nothing and is no refusal.
    pub(super) fn record_reply(&self, reply: &Reply) -> Result<(), Reason> {
        match self.caller {
            Caller::Partner(org) if org != reply.partner => return Err(Reason::CarrierDiffers),
            Caller::Partner(_) | Caller::Daemon => {}
            // Somebody pasted the reply's text: who may let a partner in may bring it.
            Caller::Operator(_) | Caller::Member { .. } => drop(self.caller.administrator()?),
        }
        let known = self.state.invitations().get(&reply.invitation);
        let known = known.ok_or(Reason::InvitationUnknown)?;
        if !reply.proof_holds {
            return Err(Reason::ProofWrong);
        }
        match known.state {
            InvitationState::Used { by } => {
                let partner = self.state.partners().get(&by);
                let again = by == reply.partner
                    && partner.is_some_and(|partner| {
                        let open =
                            matches!(partner.state, PartnerState::Replied | PartnerState::Active);
                        open && partner.root == reply.root && partner.invitation == reply.invitation
                    });
                return if again {
                    Ok(())
                } else {
                    Err(Reason::InvitationUsed)
                };
            }
            InvitationState::Revoked => return Err(Reason::InvitationRevoked),
            InvitationState::Expired => return Err(Reason::InvitationExpired),
            InvitationState::Open if known.expires <= self.now => {
                return Err(Reason::InvitationExpired);
            }
            InvitationState::Open => {}
        }
        let handle = Handle::parse(&reply.handle).map_err(|_| Reason::HandleInvalid)?;
        if Some(reply.partner) == self.state.org() || self.own_handle() == Some(&handle) {
            return Err(Reason::HandleTaken);
        }
        if known
            .expects
            .as_ref()
            .is_some_and(|expected| *expected != handle)
        {
            return Err(Reason::InvitationForAnother);
        }
        self.acceptable(Some(&reply.partner), Some(&handle))?;
        self.listed(&reply.partner, &handle)?;
        self.newcomer(reply.partner, &handle)
    }

    fn partner(&self, partner: OrgId) -> Result<&Partner, Reason> {
        self.state
            .partners()
            .get(&partner)
            .ok_or(Reason::PartnerUnknown)
    }

    /// Words are asked for wherever a partner comes in, and nothing stands in for them.
    pub(super) fn words(&self, partner: &Partner, words: Option<&str>) -> Result<(), Reason> {
        let words = words.ok_or(Reason::WordsNeeded)?;
        if match_words(&partner.words, words) {
            Ok(())
        } else {
            Err(Reason::WordsDiffer)
        }
    }

    pub(super) fn confirm_partner(
        &self,
        partner: OrgId,
        words: Option<&str>,
    ) -> Result<(), Reason> {
        self.caller.named_administrator()?;
        let known = self.partner(partner)?;
        if known.state != PartnerState::Replied {
            return Err(Reason::PartnerNotWaiting);
        }
        self.acceptable(Some(&partner), Some(&known.handle))?;
        self.words(known, words)
    }

    /// One that is not approved yet is approved by its words, and nothing stands in for them.
    pub(super) fn verify_partner(&self, partner: OrgId, matches: bool) -> Result<(), Reason> {
        self.caller.named_administrator()?;
        match self.partner(partner)?.state {
            PartnerState::Active | PartnerState::Suspended => {}
            PartnerState::Disconnected => return Err(Reason::PartnerDisconnected),
            PartnerState::Replied | PartnerState::Accepted => {
                return Err(Reason::PartnerNotApproved);
            }
        }
        match matches {
            true => Ok(()),
            false => Err(Reason::RootKeyDiffers),
        }
    }

    pub(super) fn room_for_pattern(&self, pattern: &Pattern) -> Result<(), Reason> {
        let patterns = self.state.patterns();
        if !patterns.contains_key(pattern) && patterns.len() >= PATTERNS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    pub(super) fn change_pattern(&self, pattern: &str) -> Result<(), Reason> {
        self.caller.administrator()?;
        let pattern = Pattern::parse(pattern).map_err(|_| Reason::PatternInvalid)?;
        self.room_for_pattern(&pattern)
    }

    /// The daemon itself suspends whose root key is misused; only people go on with it.
    pub(super) fn suspend_partner(&self, partner: OrgId) -> Result<(), Reason> {
        if self.caller.daemon().is_ok() {
            return self.known_partner(partner);
        }
        self.resume_partner(partner)
    }

    pub(super) fn resume_partner(&self, partner: OrgId) -> Result<(), Reason> {
        self.caller.administrator()?;
        self.known_partner(partner)
    }

    fn known_partner(&self, partner: OrgId) -> Result<(), Reason> {
        match self.partner(partner)?.state {
            PartnerState::Active | PartnerState::Suspended => Ok(()),
            PartnerState::Replied | PartnerState::Accepted => Err(Reason::PartnerNotApproved),
            PartnerState::Disconnected => Err(Reason::PartnerDisconnected),
        }
    }

    pub(super) fn disconnect_partner(&self, partner: OrgId) -> Result<(), Reason> {
        self.caller.administrator()?;
        self.partner(partner).map(drop)
    }
}
