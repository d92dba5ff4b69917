//! Changes to partners, invitations and the partner rules.

use super::Act;
use crate::action::{Outcome, Reply};
use crate::bounds::{
    ADDRESS_BYTES_MAX, ADDRESSES_COUNT_MAX, INVITATION_MILLIS, INVITATIONS_COUNT_MAX,
};
use crate::id::{ChannelId, OrgId, RequestNumber};
use crate::name::{Handle, Pattern};
use crate::secret::invitation_id;
use crate::state::{
    Change, Invitation, InvitationId, InvitationState, Listing, Offer, Partner, PartnerMode,
    PartnerState, Record, Request, RequestKind, RequestState, Secret, Sharing,
};
use crate::vocabulary::EndCause;

const FOUND: &str = "the gate found it";

impl Act<'_> {
    pub(super) fn partner(&self, org: OrgId) -> Partner {
        self.state.partners().get(&org).expect(FOUND).clone()
    }

    pub(super) fn set_partner(&mut self, org: OrgId, state: PartnerState) {
        let partner = self.partner(org);
        self.put(Record::Partner(org, Partner { state, ..partner }));
    }

    /// An administrator who invites somebody, or approves that somebody invited us, has said yes
    /// to that handle: it goes on the allow list. Nobody is taken off the deny list by it.
    pub(super) fn list(&mut self, handle: &Handle) {
        let pattern = Pattern::Exact(handle.clone());
        if !self.state.patterns().contains_key(&pattern) {
            self.put(Record::Pattern(pattern, Listing::Allow));
        }
    }

    pub(super) fn invite_partner(&mut self, handle: Option<&str>) -> Outcome {
        let handle = handle.map(|handle| Handle::parse(handle).expect("the gate parsed it"));
        if let Some(handle) = &handle {
            self.list(handle);
        }
        self.invite(handle, None, None)
    }

    pub(super) fn invite(
        &mut self,
        expects: Option<Handle>,
        request: Option<RequestNumber>,
        offer: Option<Offer>,
    ) -> Outcome {
        self.forget_dead_invitations();
        let secret = Secret(self.draw());
        let id = invitation_id(&secret.0);
        let addresses = self.given.addresses.iter();
        let addresses = addresses.filter(|address| address.len() <= ADDRESS_BYTES_MAX);
        let invitation = Invitation {
            secret: secret.clone(),
            expects,
            addresses: addresses.take(ADDRESSES_COUNT_MAX).cloned().collect(),
            expires: self.given.now.plus_millis(INVITATION_MILLIS),
            state: InvitationState::Open,
            request,
            offer,
        };
        self.put(Record::Invitation(id, invitation));
        Outcome::Invited {
            invitation: id,
            secret,
        }
    }

    /// Dead invitations are kept, so that their use is explained, until their room is needed.
    fn forget_dead_invitations(&mut self) {
        if self.state.invitations().len() < INVITATIONS_COUNT_MAX {
            return;
        }
        let dead = self.state.invitations().iter().filter(|(id, invitation)| {
            invitation.state != InvitationState::Open && !self.state.invitation_is_needed(id)
        });
        let dead: Vec<InvitationId> = dead.map(|(id, _)| *id).collect();
        for id in dead {
            self.remove(Change::Invitation(id));
        }
    }

    pub(super) fn close_invitation(&mut self, id: InvitationId, state: InvitationState) {
        let invitation = self.state.invitations().get(&id).expect(FOUND).clone();
        self.put(Record::Invitation(
            id,
            Invitation {
                state,
                ..invitation
            },
        ));
        let offering = |sharing: &Sharing| matches!(sharing, Sharing::Offering { invitation, .. } if *invitation == Some(id));
        let channels: Vec<ChannelId> = self
            .state
            .channels()
            .iter()
            .filter(|(_, channel)| offering(&channel.sharing))
            .map(|(id, _)| *id)
            .collect();
        for channel in channels {
            self.set_sharing(channel, Sharing::Local);
        }
    }

    pub(super) fn revoke_invitation(&mut self, id: InvitationId) -> Outcome {
        self.close_invitation(id, InvitationState::Revoked);
        Outcome::Done
    }

    pub(super) fn record_reply(&mut self, reply: Reply) -> Outcome {
        let mut invitation = self
            .state
            .invitations()
            .get(&reply.invitation)
            .expect(FOUND)
            .clone();
        if invitation.state != InvitationState::Open {
            return Outcome::Unchanged;
        }
        invitation.state = InvitationState::Used { by: reply.partner };
        self.put(Record::Invitation(reply.invitation, invitation));
        self.put(Record::Partner(
            reply.partner,
            Partner {
                handle: Handle::parse(&reply.handle).expect("the gate parsed it"),
                root: reply.root,
                state: PartnerState::Replied,
                verified: false,
                invitation: reply.invitation,
                words: reply.words,
                since: self.given.now,
            },
        ));
        Outcome::Replied {
            partner: reply.partner,
        }
    }

    pub(super) fn confirm_partner(&mut self, org: OrgId) -> Outcome {
        let partner = self.activate(org);
        let mut offers = Vec::new();
        let channels: Vec<_> = self
            .state
            .channels()
            .iter()
            .map(|(id, channel)| (*id, channel.sharing.clone()))
            .collect();
        for (id, mut sharing) in channels {
            let Sharing::Offering {
                partner: to,
                invitation,
                offer,
                ..
            } = &mut sharing
            else {
                continue;
            };
            if *invitation != Some(partner.invitation) {
                continue;
            }
            // The time of the offer may have passed while nobody answered.
            if offer.ends.is_some_and(|ends| ends <= self.given.now) {
                self.set_sharing(id, Sharing::Local);
                continue;
            }
            *to = Some(org);
            self.set_sharing(id, sharing);
            offers.push(id);
        }
        Outcome::PartnerActive {
            partner: org,
            offers,
        }
    }

    /// Makes a partner active whose words an administrator compared.
    pub(super) fn activate(&mut self, org: OrgId) -> Partner {
        let partner = Partner {
            state: PartnerState::Active,
            verified: true,
            since: self.given.now,
            ..self.partner(org)
        };
        self.list(&partner.handle);
        self.put(Record::Partner(org, partner.clone()));
        partner
    }

    fn set_listing(&mut self, pattern: &str, listing: Listing) -> Outcome {
        let pattern = Pattern::parse(pattern).expect("the gate parsed it");
        if self.state.patterns().get(&pattern) == Some(&listing) {
            return Outcome::Unchanged;
        }
        self.put(Record::Pattern(pattern, listing));
        Outcome::Done
    }

    pub(super) fn allow_partner(&mut self, pattern: &str) -> Outcome {
        self.set_listing(pattern, Listing::Allow)
    }

    pub(super) fn deny_partner(&mut self, pattern: &str) -> Outcome {
        self.set_listing(pattern, Listing::Deny)
    }

    pub(super) fn forget_pattern(&mut self, pattern: &str) -> Outcome {
        let pattern = Pattern::parse(pattern).expect("the gate parsed it");
        if !self.state.patterns().contains_key(&pattern) {
            return Outcome::Unchanged;
        }
        self.remove(Change::Pattern(pattern));
        Outcome::Done
    }

    pub(super) fn set_partner_mode(&mut self, mode: PartnerMode) -> Outcome {
        if self.state.mode() == mode {
            return Outcome::Unchanged;
        }
        self.put(Record::PartnerMode(mode));
        Outcome::Done
    }

    /// Also where it is known already: that somebody looked again is worth a line of the audit log.
    pub(super) fn verify_partner(&mut self, org: OrgId) -> Outcome {
        let partner = self.partner(org);
        if !partner.verified {
            self.put(Record::Partner(
                org,
                Partner {
                    verified: true,
                    ..partner
                },
            ));
        }
        Outcome::Done
    }

    pub(super) fn suspend_partner(&mut self, org: OrgId) -> Outcome {
        if self.partner(org).state == PartnerState::Suspended {
            return Outcome::Unchanged;
        }
        self.set_partner(org, PartnerState::Suspended);
        let channels = self.state.channels_with(org).map(|(id, _)| id).collect();
        Outcome::PartnerSuspended {
            partner: org,
            channels,
        }
    }

    pub(super) fn resume_partner(&mut self, org: OrgId) -> Outcome {
        if self.partner(org).state == PartnerState::Active {
            return Outcome::Unchanged;
        }
        self.set_partner(org, PartnerState::Active);
        Outcome::PartnerResumed { partner: org }
    }

    pub(super) fn disconnect_partner(&mut self, org: OrgId) -> Outcome {
        let partner = self.partner(org);
        if partner.state == PartnerState::Disconnected {
            return Outcome::Unchanged;
        }
        self.set_partner(org, PartnerState::Disconnected);
        let affected: Vec<ChannelId> = self
            .state
            .channels()
            .iter()
            .filter(|(_, channel)| needs(&channel.sharing, org, &partner))
            .map(|(id, _)| *id)
            .collect();
        let mut ended = Vec::new();
        for channel in affected {
            ended.extend(
                self.end_sharing(channel, EndCause::Disconnect)
                    .map(|_| channel),
            );
        }
        let about = |request: &Request| match &request.kind {
            RequestKind::Peer { partner, .. } => *partner == org,
            RequestKind::Join { host, .. } => *host == org,
            RequestKind::Share { .. } => false,
        };
        self.close_requests(
            |request| request.is_waiting() && about(request),
            || RequestState::Withdrawn,
        );
        Outcome::PartnerDisconnected {
            partner: org,
            ended,
        }
    }
}

/// Whether a channel is nothing without the peering with `org`: offered to it or by it, hosted
/// by it, or shared with it alone. Where others take part, they go on, and so do we.
fn needs(sharing: &Sharing, org: OrgId, partner: &Partner) -> bool {
    match sharing {
        Sharing::Local => false,
        Sharing::Offering {
            partner: to,
            invitation,
            ..
        } => *to == Some(org) || (to.is_none() && *invitation == Some(partner.invitation)),
        Sharing::Joining { host, .. } => *host == org,
        Sharing::Shared {
            host, participants, ..
        } => *host == org || (participants.contains_key(&org) && participants.len() <= 2),
    }
}
