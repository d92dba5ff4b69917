//! Changes to requests, and what a yes or a no sets off.

use super::Act;
use super::channels::visibility;
use crate::action::{AcceptedInvitation, Outcome};
use crate::bounds::REQUESTS_COUNT_MAX;
use crate::id::{ChannelId, NoteHash, OrgId, RequestNumber};
use crate::name::{ChannelName, Handle, Label, Sentence};
use crate::offer::{OfferFate, request_of_invitation};
use crate::state::{
    Change, Channel, InvitationState, Offer, Partner, PartnerState, Person, Record, Request,
    RequestKind, RequestState, Sharing,
};
use crate::time::Timestamp;
use crate::vocabulary::{Capabilities, Capability, EndCause};

const FOUND: &str = "the gate found it";

/// What somebody asks to share a channel under.
pub(super) struct ShareTerms {
    pub(super) project: String,
    pub(super) ends: Option<Timestamp>,
    pub(super) capabilities: Capabilities,
    pub(super) history: bool,
    pub(super) purpose: String,
}

impl Act<'_> {
    fn request(&self, number: RequestNumber) -> Request {
        self.state.requests().get(&number).expect(FOUND).clone()
    }

    fn set_request(&mut self, number: RequestNumber, state: RequestState) {
        let request = Request {
            state,
            ..self.request(number)
        };
        self.put(Record::Request(number, request));
    }

    /// Moves every request that is `meant` into another state.
    pub(super) fn close_requests(
        &mut self,
        meant: impl Fn(&Request) -> bool,
        state: impl Fn() -> RequestState,
    ) {
        let numbers = self
            .state
            .requests()
            .iter()
            .filter(|(_, request)| meant(request));
        let numbers: Vec<RequestNumber> = numbers.map(|(number, _)| *number).collect();
        for number in numbers {
            self.set_request(number, state());
        }
    }

    fn ask(&mut self, kind: RequestKind) -> Outcome {
        let number = self.state.next_request();
        let by = self.person();
        if self.state.requests().len() >= REQUESTS_COUNT_MAX {
            let over = || {
                let requests = self.state.requests().iter();
                requests.filter(|(_, old)| !old.is_waiting())
            };
            // Who asks often makes room among its own: what others were answered is still known.
            let own = over().find(|(_, old)| old.by == by);
            if let Some(oldest) = own.or_else(|| over().next()).map(|(number, _)| *number) {
                self.remove(Change::Request(oldest));
            }
        }
        let request = Request {
            kind,
            by,
            at: self.given.now,
            state: RequestState::Waiting,
        };
        self.put(Record::Request(number, request));
        Outcome::Requested { number }
    }

    pub(super) fn share_channel(
        &mut self,
        channel: ChannelId,
        partner: &str,
        terms: ShareTerms,
    ) -> Outcome {
        let project = Label::parse(&terms.project).expect("the gate parsed it");
        let ends = terms.ends.or_else(|| self.project_end(&project));
        self.ask(RequestKind::Share {
            partner: Handle::parse(partner).expect("the gate parsed it"),
            offer: Offer {
                channel,
                project,
                ends,
                // Custom events are named one by one in a charter; an offer names none.
                capabilities: terms.capabilities.without(Capability::Custom),
            },
            history: terms.history,
            purpose: Sentence::parse(&terms.purpose).expect("the gate parsed it"),
        })
    }

    pub(super) fn accept_invitation(&mut self, accepted: AcceptedInvitation) -> Outcome {
        if let Some(number) = request_of_invitation(self.state, &accepted) {
            return Outcome::Requested { number };
        }
        self.put(Record::Partner(
            accepted.inviter,
            Partner {
                handle: Handle::parse(&accepted.handle).expect("the gate parsed it"),
                root: accepted.root,
                state: PartnerState::Accepted,
                verified: false,
                invitation: accepted.invitation,
                words: accepted.words,
                since: self.given.now,
            },
        ));
        self.ask(RequestKind::Peer {
            partner: accepted.inviter,
            invitation: accepted.invitation,
            offer: accepted.offer,
        })
    }

    pub(super) fn approve_request(
        &mut self,
        number: RequestNumber,
        channel_name: Option<&str>,
        private: bool,
    ) -> Outcome {
        let request = self.request(number);
        let approved = RequestState::Approved {
            by: self.person(),
            at: self.given.now,
        };
        self.set_request(number, approved);
        match request.kind {
            RequestKind::Share {
                partner,
                offer,
                history,
                purpose: _,
            } => self.offer_to(number, partner, offer, history),
            RequestKind::Peer { partner, offer, .. } => {
                self.activate(partner);
                if let Some(offer) = offer {
                    self.take_offer(partner, offer, request.by, channel_name, private);
                }
                Outcome::PartnerActive {
                    partner,
                    offers: Vec::new(),
                }
            }
            RequestKind::Join {
                host,
                charter,
                offer,
            } => {
                let channel = offer.channel;
                let known = self.state.channels().get(&channel);
                // A further revision changes nothing here before it is in force.
                if !known.is_some_and(Channel::is_shared) {
                    self.take_offer(host, offer, request.by, channel_name, private);
                }
                Outcome::ConsentNow { channel, charter }
            }
        }
    }

    /// Offers a channel of ours: to the partner who goes by the handle, or else by invitation.
    fn offer_to(
        &mut self,
        request: RequestNumber,
        handle: Handle,
        mut offer: Offer,
        history: bool,
    ) -> Outcome {
        let id = offer.channel;
        offer.ends = offer.ends.or_else(|| self.project_end(&offer.project));
        let project = self.project_for(&offer, true);
        self.list(&handle);
        let is_active = |org: &OrgId| {
            let partner = self.state.partners().get(org);
            partner.is_some_and(|partner| partner.state == PartnerState::Active)
        };
        let partner = self.state.partner_named(&handle).filter(is_active);
        let (invitation, outcome) = match partner {
            Some(partner) => (
                None,
                Outcome::OfferChannel {
                    channel: id,
                    partner,
                },
            ),
            None => {
                let outcome = self.invite(Some(handle.clone()), Some(request), Some(offer.clone()));
                let Outcome::Invited { invitation, .. } = &outcome else {
                    unreachable!("an invitation comes of inviting")
                };
                (Some(*invitation), outcome)
            }
        };
        let sharing = Sharing::Offering {
            handle,
            partner,
            invitation,
            request,
            history,
            offer,
        };
        let channel = Channel {
            sharing,
            project,
            ..self.channel(id)
        };
        self.put(Record::Channel(id, channel));
        outcome
    }

    /// Makes room for a channel that a partner opened, under our own name for it. Its first
    /// members are whoever of us asked for it and whoever said yes.
    fn take_offer(
        &mut self,
        host: OrgId,
        offer: Offer,
        asked_by: Person,
        name: Option<&str>,
        private: bool,
    ) {
        let id = offer.channel;
        let before = self.state.channels().get(&id).cloned();
        let name = name.map(|name| ChannelName::parse(name).expect("the gate parsed it"));
        let name = name.or_else(|| before.as_ref().map(|channel| channel.name.clone()));
        let project = self.project_for(&offer, false);
        self.put(Record::Channel(
            id,
            Channel {
                name: name.expect("the gate asks for one where there is none"),
                nonce: before.as_ref().and_then(|channel| channel.nonce),
                topic: before.map_or_else(
                    || Sentence::parse("").expect("nothing is a valid topic"),
                    |channel| channel.topic,
                ),
                visibility: visibility(private),
                sharing: Sharing::Joining { host, offer },
                project,
                archived: false,
            },
        ));
        for person in [asked_by, self.person()] {
            if let Person::Member(member) = person
                && self
                    .state
                    .members()
                    .get(&member)
                    .is_some_and(|member| member.active)
            {
                self.enter(id, member);
            }
        }
    }

    /// Who was to become a partner by a request that came to nothing is none.
    fn drop_candidate(&mut self, request: &Request) {
        if let RequestKind::Peer { partner, .. } = &request.kind
            && self
                .state
                .partners()
                .get(partner)
                .is_some_and(|partner| partner.state == PartnerState::Accepted)
        {
            self.remove(Change::Partner(*partner));
        }
    }

    pub(super) fn decline_request(&mut self, number: RequestNumber, reason: &str) -> Outcome {
        let request = self.request(number);
        let reason = Sentence::parse(reason).expect("the gate parsed it");
        let declined = RequestState::Declined {
            by: self.person(),
            at: self.given.now,
            reason,
        };
        self.set_request(number, declined);
        self.drop_candidate(&request);
        match request.kind {
            RequestKind::Join { charter, offer, .. } => Outcome::OfferDeclined {
                channel: offer.channel,
                charter,
            },
            RequestKind::Share { .. } | RequestKind::Peer { .. } => Outcome::Done,
        }
    }

    pub(super) fn withdraw_request(&mut self, number: RequestNumber) -> Outcome {
        self.set_request(number, RequestState::Withdrawn);
        self.drop_candidate(&self.request(number));
        Outcome::Done
    }

    pub(super) fn offer_received(
        &mut self,
        host: OrgId,
        charter: NoteHash,
        offer: Offer,
        beyond_offer: bool,
    ) -> Outcome {
        match OfferFate::of(
            self.state,
            host,
            charter,
            &offer,
            beyond_offer,
            self.given.now,
        ) {
            OfferFate::ApprovedAlready => Outcome::ConsentNow {
                channel: offer.channel,
                charter,
            },
            OfferFate::Waits => Outcome::Unchanged,
            OfferFate::DeclinedAlready => unreachable!("the gate refuses it"),
            OfferFate::New { replaces } => {
                if let Some(number) = replaces {
                    self.set_request(number, RequestState::Withdrawn);
                }
                self.ask(RequestKind::Join {
                    host,
                    charter,
                    offer,
                })
            }
        }
    }

    pub(super) fn expire_due(&mut self) -> Outcome {
        let now = self.given.now;
        let due = self.state.invitations().iter().filter(|(_, invitation)| {
            invitation.state == InvitationState::Open && invitation.expires <= now
        });
        let due: Vec<_> = due.map(|(id, _)| *id).collect();
        for id in due {
            self.close_invitation(id, InvitationState::Expired);
        }
        let due = self
            .state
            .requests()
            .iter()
            .filter(|(_, request)| request.is_due(now));
        let due: Vec<_> = due
            .map(|(number, request)| (*number, request.clone()))
            .collect();
        for (number, request) in due {
            self.set_request(number, RequestState::Expired);
            self.drop_candidate(&request);
        }
        // An offer of ours that nobody took up. One that we took up may have been sealed in time by a
        // host that we did not hear from since: it stays, and has ended.
        let late = |channel: &Channel| match &channel.sharing {
            Sharing::Offering { offer, .. } => offer.ends.is_some_and(|ends| ends <= now),
            Sharing::Local | Sharing::Joining { .. } | Sharing::Shared { .. } => false,
        };
        let due = self.state.channels().iter();
        let due: Vec<_> = due
            .filter(|(_, channel)| late(channel))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.end_sharing(id, EndCause::End);
        }
        if self.changes.is_empty() {
            Outcome::Unchanged
        } else {
            Outcome::Done
        }
    }
}
