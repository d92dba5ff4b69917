//! `RequestService`.

use foedus_federation::org;
use foedus_policy::action::{Action, Outcome};
use foedus_policy::id::{ChannelId, OrgId, RequestNumber};
use foedus_policy::reason::Reason;
use foedus_policy::state::{Offer, Person, Request, RequestKind};
use foedus_proto::api::v1;

use super::caller::{Caller, administrator, reader};
use super::partner::refused::words_differ;
use super::refusal::Refusal;
use super::{Api, Seen, page, parse, service, show};
use crate::runtime::invitation_text;

impl Seen {
    /// Requests are for administrators, and for whoever made them.
    fn may_see(&self, caller: &Caller, request: &Request) -> bool {
        let own = caller
            .actor
            .member()
            .is_some_and(|member| request.by == Person::Member(member));
        own || administrator(self.state(), &caller.actor).is_ok()
    }
}

impl Api {
    async fn list_requests(
        &self,
        caller: &Caller,
        request: v1::ListRequestsRequest,
    ) -> Result<v1::ListRequestsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let state = request.state();
        let meant = |known: &Request| {
            state == v1::RequestState::Unspecified || seen.state_of(known) == state
        };
        let all = seen
            .state()
            .requests()
            .iter()
            .filter(|(_, known)| meant(known) && seen.may_see(caller, known))
            .map(|(number, _)| (page::reversed(number.0.into()), *number))
            .collect();
        let (requests, next_page_token) = page::list(
            "requests",
            request.page_size,
            &request.page_token,
            all,
            |number| seen.request_message(number),
        )?;
        Ok(v1::ListRequestsResponse {
            requests,
            next_page_token,
        })
    }

    async fn get_request(
        &self,
        caller: &Caller,
        request: v1::GetRequestRequest,
    ) -> Result<v1::GetRequestResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let number = RequestNumber(request.number);
        let known = seen.state().requests().get(&number);
        known
            .filter(|known| seen.may_see(caller, known))
            .ok_or(Reason::RequestUnknown)?;
        Ok(v1::GetRequestResponse {
            request: Some(seen.request_message(number)),
        })
    }

    async fn approve_request(
        &self,
        caller: &Caller,
        request: v1::ApproveRequestRequest,
    ) -> Result<v1::ApproveRequestResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "request.approve",
            key,
            request,
            |api, caller, request| async move {
                let v1::ApproveRequestRequest {
                    number,
                    words,
                    channel_name,
                    ..
                } = request;
                api.approve(&caller, RequestNumber(number), words, channel_name)
                    .await
            },
        )
        .await
    }

    /// Says yes to a request. Without a name the channel that comes with it gets one.
    pub(super) async fn approve(
        &self,
        caller: &Caller,
        number: RequestNumber,
        words: String,
        channel_name: String,
    ) -> Result<v1::ApproveRequestResponse, Refusal> {
        let channel_name = match channel_name.is_empty() {
            true => self.seen().name_for(number),
            false => {
                self.seen().brings_a_channel(number)?;
                Some(channel_name)
            }
        };
        let action = Action::ApproveRequest {
            number,
            words: Some(words).filter(|words| !words.is_empty()),
            channel_name,
            private: false,
        };
        let brought = self.seen().brought_by(number);
        let acted = self.runtime().act(caller.actor, action).await;
        let outcome = acted.map_err(|refused| self.seen().not_approved(number, refused))?;
        let seen = self.seen();
        let mut response = v1::ApproveRequestResponse {
            request: Some(seen.request_message(number)),
            channel_members: brought.map_or_else(Vec::new, |channel| seen.members_in(channel)),
            ..v1::ApproveRequestResponse::default()
        };
        if let Outcome::Invited { invitation, .. } = outcome {
            response.invitation_text = invitation_text(&seen.org, invitation).unwrap_or_default();
            if let Some(known) = seen.state().invitations().get(&invitation) {
                response.invitation_expires_at = show::time(known.expires);
                response.invitation = Some(seen.invitation_message(invitation, known));
            }
        }
        Ok(response)
    }

    async fn decline_request(
        &self,
        caller: &Caller,
        request: v1::DeclineRequestRequest,
    ) -> Result<v1::DeclineRequestResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "request.decline",
            key,
            request,
            |api, caller, request| async move {
                let number = RequestNumber(request.number);
                let action = Action::DeclineRequest {
                    number,
                    reason: request.reason.clone(),
                };
                api.runtime().act(caller.actor, action).await?;
                Ok(v1::DeclineRequestResponse {
                    request: Some(api.seen().request_message(number)),
                })
            },
        )
        .await
    }
}

impl Seen {
    /// The channel that comes with a request, and whose it is; none if it is here already.
    fn brought(&self, number: RequestNumber) -> Option<(OrgId, &Offer)> {
        let (host, offer) = match &self.state().requests().get(&number)?.kind {
            RequestKind::Share { .. } => return None,
            RequestKind::Peer { partner, offer, .. } => (*partner, offer.as_ref()?),
            RequestKind::Join { host, offer, .. } => (*host, offer),
        };
        let here = self.state().channels().contains_key(&offer.channel);
        (!here).then_some((host, offer))
    }

    /// Whoever names a channel with a yes to something else takes it for another request.
    fn brings_a_channel(&self, number: RequestNumber) -> Result<(), Refusal> {
        let request = self.state().requests().get(&number);
        let waits = request.filter(|request| request.is_waiting());
        if waits.is_none() || self.brought(number).is_some() {
            return Ok(());
        }
        Err(Refusal::malformed(
            "NAME_INVALID",
            format!("{number} brings no channel that could be given a name"),
            format!(
                "look at it once more, `foedus request show {number}`, and approve it without a name"
            ),
        ))
    }

    fn brought_by(&self, number: RequestNumber) -> Option<ChannelId> {
        self.brought(number).map(|(_, offer)| offer.channel)
    }

    /// Who of ours is in a channel, by address.
    fn members_in(&self, channel: ChannelId) -> Vec<String> {
        let members = self.state().members_of(channel);
        let mut members: Vec<String> = members.map(|(member, _)| self.address(member)).collect();
        members.sort_unstable();
        members
    }

    fn not_approved(&self, number: RequestNumber, refused: org::Refused) -> Refusal {
        let kind = self
            .state()
            .requests()
            .get(&number)
            .map(|known| &known.kind);
        match (refused, kind) {
            (
                org::Refused::Denied(Reason::WordsDiffer),
                Some(RequestKind::Peer { partner, .. }),
            ) => words_differ(self, *partner),
            (refused, _) => refused.into(),
        }
    }

    /// A free name for the channel that comes with a request, if one comes and has none yet.
    fn name_for(&self, number: RequestNumber) -> Option<String> {
        let (host, offer) = self.brought(number)?;
        let handle = self.handle(host);
        Some(parse::channel_name(
            &self.org,
            &handle,
            offer.project.as_str(),
        ))
    }
}

service!(v1::request_service_server::RequestService {
    list_requests: ListRequestsRequest => ListRequestsResponse,
    get_request: GetRequestRequest => GetRequestResponse,
    approve_request: ApproveRequestRequest => ApproveRequestResponse,
    decline_request: DeclineRequestRequest => DeclineRequestResponse,
});
