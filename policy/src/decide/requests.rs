//! Rules about what needs a yes: who may say it, and what must still hold when it is said.

use super::Asked;
use super::caller::Caller;
use super::partners::carrier_allowed;
use crate::bounds::{
    REQUESTS_COUNT_MAX, REQUESTS_MILLIS, REQUESTS_PER_PARTNER_COUNT_MAX,
    REQUESTS_UNDECIDED_COUNT_MAX,
};
use crate::id::{ChannelId, MemberId, NoteHash, OrgId, RequestNumber};
use crate::name::{Pattern, Sentence};
use crate::offer::OfferFate;
use crate::reason::Reason;
use crate::state::{Offer, Person, Request, RequestKind, RequestState, Sharing};

impl Asked<'_> {
    pub(super) fn room_for_request(&self) -> Result<(), Reason> {
        let requests = self.state.requests();
        // Decided ones make room, so only what waits can fill it.
        if requests.len() >= REQUESTS_COUNT_MAX
            && requests
                .values()
                .filter(|request| request.is_waiting())
                .count()
                >= REQUESTS_COUNT_MAX - 1
        {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    fn waiting_request(&self, number: RequestNumber) -> Result<&Request, Reason> {
        let known = self
            .state
            .requests()
            .get(&number)
            .ok_or(Reason::RequestUnknown)?;
        match known.state {
            RequestState::Waiting if known.is_due(self.now) => Err(Reason::RequestExpired),
            RequestState::Waiting => Ok(known),
            RequestState::Expired => Err(Reason::RequestExpired),
            RequestState::Approved { .. }
            | RequestState::Declined { .. }
            | RequestState::Withdrawn => Err(Reason::RequestNotWaiting),
        }
    }

    /// Four eyes: an administrator who asked may not approve it themselves while another
    /// active administrator could.
    fn another_pair_of_eyes(&self, request: &Request, member: MemberId) -> Result<(), Reason> {
        let own = request.by == Person::Member(member);
        match own && self.another_administrator(member) {
            true => Err(Reason::RequestOwn),
            false => Ok(()),
        }
    }

    pub(super) fn approve_request(
        &self,
        number: RequestNumber,
        words: Option<&str>,
        channel_name: Option<&str>,
    ) -> Result<(), Reason> {
        let member = self.caller.named_administrator()?;
        let request = self.waiting_request(number)?;
        self.another_pair_of_eyes(request, member)?;
        match &request.kind {
            RequestKind::Share { partner, offer, .. } => {
                self.room_for_pattern(&Pattern::Exact(partner.clone()))?;
                self.sharable(offer.channel, partner, &offer.project, offer.ends)
            }
            RequestKind::Peer { partner, offer, .. } => {
                let known = self
                    .state
                    .partners()
                    .get(partner)
                    .ok_or(Reason::PartnerUnknown)?;
                self.acceptable(Some(partner), Some(&known.handle))?;
                self.words(known, words)?;
                self.room_for_pattern(&Pattern::Exact(known.handle.clone()))?;
                offer.as_ref().map_or(Ok(()), |offer| {
                    self.offer_can_be_taken(*partner, offer, channel_name)
                })
            }
            RequestKind::Join { host, offer, .. } => {
                carrier_allowed(self.state, *host)?;
                self.offer_can_be_taken(*host, offer, channel_name)
            }
        }
    }

    /// What an approval of an offered channel needs: the channel is new here, or joined already
    /// under other terms, and has a name that is ours.
    fn offer_can_be_taken(
        &self,
        host: OrgId,
        offer: &Offer,
        channel_name: Option<&str>,
    ) -> Result<(), Reason> {
        if offer.ends.is_some_and(|ends| ends <= self.now) {
            return Err(Reason::EndInPast);
        }
        let joined = self.joined_from(offer.channel, host)?;
        match channel_name {
            Some(name) => self.free_channel_name(name, joined.then_some(offer.channel))?,
            None if joined => {}
            None => return Err(Reason::ChannelNameNeeded),
        }
        if joined {
            Ok(())
        } else {
            self.room_for_channel()
        }
    }

    /// Whether we are in a channel that `host` opened, or about to be; then the offer is about a
    /// further revision or other terms. It can never be about a channel that exists for another
    /// reason.
    fn joined_from(&self, channel: ChannelId, host: OrgId) -> Result<bool, Reason> {
        let Some(known) = self.state.channels().get(&channel) else {
            return Ok(false);
        };
        match &known.sharing {
            Sharing::Joining { host: known, .. } if *known == host => Ok(true),
            Sharing::Shared { host: known, .. } if *known != host => Err(Reason::ChannelIdTaken),
            // Also when its time is up and nobody has noted that yet: a later end came too late.
            Sharing::Shared { .. } if known.is_ended(self.now) => Err(Reason::ChannelEnded),
            // A host of its own makes no offers to itself.
            Sharing::Shared { .. } if self.state.org() == Some(host) => Err(Reason::ChannelIdTaken),
            Sharing::Shared { .. } => Ok(true),
            Sharing::Joining { .. } | Sharing::Local | Sharing::Offering { .. } => {
                Err(Reason::ChannelIdTaken)
            }
        }
    }

    pub(super) fn decline_request(
        &self,
        number: RequestNumber,
        reason: &str,
    ) -> Result<(), Reason> {
        self.caller.named_administrator()?;
        self.waiting_request(number)?;
        Sentence::parse(reason)
            .map(drop)
            .map_err(|_| Reason::TextInvalid)
    }

    pub(super) fn withdraw_request(&self, number: RequestNumber) -> Result<(), Reason> {
        let person = self.caller.writer()?;
        let request = self.waiting_request(number)?;
        if request.by == person {
            Ok(())
        } else {
            Err(Reason::RequestNotYours)
        }
    }

    /// A partner put a charter before us. At most, this makes a request that waits.
    pub(super) fn offer_received(
        &self,
        host: OrgId,
        charter: NoteHash,
        offer: &Offer,
        beyond_offer: bool,
    ) -> Result<(), Reason> {
        let Caller::Partner(carrier) = self.caller else {
            return Err(self
                .caller
                .person()
                .map_or_else(|reason| reason, |_| Reason::DaemonOnly));
        };
        if carrier != host {
            return Err(Reason::CarrierDiffers);
        }
        carrier_allowed(self.state, host)?;
        self.joined_from(offer.channel, host)?;
        if offer.ends.is_some_and(|ends| ends <= self.now) {
            return Err(Reason::ChannelEnded);
        }
        let replaces = match OfferFate::of(self.state, host, charter, offer, beyond_offer, self.now)
        {
            OfferFate::ApprovedAlready | OfferFate::Waits => return Ok(()),
            OfferFate::DeclinedAlready => return Err(Reason::OfferDeclined),
            OfferFate::New { replaces } => replaces,
        };
        let by_host = || {
            let requests = self.state.requests().values();
            requests.filter(|request| request.by == Person::Partner(host))
        };
        let from = self.now.minus_millis(REQUESTS_MILLIS);
        let undecided = by_host().filter(|request| {
            let decided = matches!(
                request.state,
                RequestState::Approved { .. } | RequestState::Declined { .. }
            );
            !decided && from < request.at && request.at <= self.now
        });
        if undecided.count() >= REQUESTS_UNDECIDED_COUNT_MAX {
            return Err(Reason::RequestsFull);
        }
        // One that waits is replaced by the newer offer; only another channel's takes room.
        if replaces.is_some() {
            return Ok(());
        }
        if by_host().filter(|request| request.is_waiting()).count()
            >= REQUESTS_PER_PARTNER_COUNT_MAX
        {
            return Err(Reason::RequestsFull);
        }
        self.room_for_request()
    }
}
