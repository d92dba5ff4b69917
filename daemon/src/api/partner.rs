//! `PartnerService`.

pub(super) mod refused;

use foedus_federation::key::VerifyingKey;
use foedus_federation::org;
use foedus_policy::action::{Action, Outcome};
use foedus_policy::decide::decide;
use foedus_policy::id::OrgId;
use foedus_policy::reason::Reason;
use foedus_policy::state::{PartnerMode, PartnerState};
use foedus_proto::api::v1;

use super::caller::{Caller, administrator, reader};
use super::member::unexpected;
use super::refusal::Refusal;
use super::{Api, Seen, page, service};
use crate::links::undelivered;
use crate::runtime::{Accepted, Delivery, invitation_text};

impl Api {
    async fn invite_partner(
        &self,
        caller: &Caller,
        request: v1::InvitePartnerRequest,
    ) -> Result<v1::InvitePartnerResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "partner.invite",
            key,
            request,
            |api, caller, request| async move {
                api.seen().may_be_a_partner(&request.handle)?;
                let handle = Some(request.handle).filter(|handle| !handle.is_empty());
                let action = Action::InvitePartner {
                    handle: handle.clone(),
                };
                let acted = api.runtime().act(caller.actor, action).await;
                let outcome = acted.map_err(|refused| {
                    refused::not_invited(&api.seen(), &handle.unwrap_or_default(), refused)
                })?;
                let Outcome::Invited { invitation, .. } = outcome else {
                    return Err(unexpected());
                };
                let seen = api.seen();
                let known = seen.state().invitations().get(&invitation);
                let known = known.ok_or(Reason::InvitationUnknown)?;
                Ok(v1::InvitePartnerResponse {
                    invitation: Some(seen.invitation_message(invitation, known)),
                    invitation_text: invitation_text(&seen.org, invitation).unwrap_or_default(),
                })
            },
        )
        .await
    }

    async fn accept_invitation(
        &self,
        caller: &Caller,
        request: v1::AcceptInvitationRequest,
    ) -> Result<v1::AcceptInvitationResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "partner.accept",
            key,
            request,
            |api, caller, request| async move {
                let text = request.invitation_text.trim();
                refused::no_reply(text)?;
                let accepted = api.runtime().accept_invitation(caller.actor, text).await;
                let accepted = accepted.map_err(|error| {
                    refused::not_accepted(&api.seen(), &caller.actor, text, error)
                })?;
                Ok(api.accepted(accepted))
            },
        )
        .await
    }

    fn accepted(&self, accepted: Accepted) -> v1::AcceptInvitationResponse {
        let mut request = self.seen().request_message(accepted.request);
        let (delivered, reply_text, problem) = match accepted.delivery {
            Delivery::Delivered => (true, String::new(), String::new()),
            Delivery::Undelivered {
                reply_text,
                problem,
            } => (false, reply_text, undelivered(&problem)),
        };
        // The words are in the request.
        let partner = without_words(self.partner_now(accepted.inviter), false);
        if !delivered && !request.next_step.is_empty() {
            request.next_step = format!(
                "send the reply to {}'s administrator, who types `foedus --as NAME partner confirm REPLY` and is shown \
                 the six words by it; then {}",
                partner.handle, request.next_step
            );
        }
        request.reply_text = reply_text.clone();
        v1::AcceptInvitationResponse {
            request: Some(request),
            delivered,
            reply_text,
            problem,
            partner: Some(partner),
        }
    }

    async fn confirm_partner(
        &self,
        caller: &Caller,
        request: v1::ConfirmPartnerRequest,
    ) -> Result<v1::ConfirmPartnerResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "partner.confirm",
            key,
            request,
            |api, caller, request| async move { api.confirm(&caller, request).await },
        )
        .await
    }

    async fn confirm(
        &self,
        caller: &Caller,
        request: v1::ConfirmPartnerRequest,
    ) -> Result<v1::ConfirmPartnerResponse, Refusal> {
        let v1::ConfirmPartnerRequest {
            reply_text,
            partner,
            words,
            idempotency_key: _,
        } = request;
        refused::no_invitation(&reply_text)?;
        refused::no_invitation(&partner)?;
        let partner = match reply_text.is_empty() {
            true => self.seen().partner(&partner)?,
            false => {
                let text = reply_text.trim();
                self.runtime().paste_reply(caller.actor, text).await?
            }
        };
        let seen = self.seen();
        let number = seen.request_of(partner);
        let pasted_only = !reply_text.is_empty() && words.is_empty();
        let mut channel_members = Vec::new();
        if !pasted_only {
            let state = seen
                .state()
                .partners()
                .get(&partner)
                .map(|known| known.state);
            match (state, number) {
                // We took up their invitation: what waits is a request of ours.
                (Some(PartnerState::Accepted), Some(number)) => {
                    let approved = self.approve(caller, number, words, String::new()).await?;
                    channel_members = approved.channel_members;
                }
                _ => {
                    let words = Some(words).filter(|words| !words.is_empty());
                    let action = Action::ConfirmPartner { partner, words };
                    let acted = self.runtime().act(caller.actor, action).await;
                    acted.map_err(|refused| {
                        refused::not_confirmed(&self.seen(), partner, refused)
                    })?;
                }
            }
        }
        let seen = self.seen();
        let request = seen.request_of(partner);
        Ok(v1::ConfirmPartnerResponse {
            request: request.map(|number| seen.request_message(number)),
            partner: Some(self.partner_now(partner)),
            channel_members,
        })
    }

    async fn list_partners(
        &self,
        caller: &Caller,
        request: v1::ListPartnersRequest,
    ) -> Result<v1::ListPartnersResponse, Refusal> {
        reader(&caller.actor)?;
        let (seen, links) = (self.seen(), self.runtime().links());
        let all = seen
            .state()
            .partners()
            .iter()
            .filter(|(_, partner)| {
                request.include_disconnected || partner.state != PartnerState::Disconnected
            })
            .map(|(org, partner)| {
                let mut place = partner.handle.as_str().as_bytes().to_vec();
                place.push(0);
                place.extend_from_slice(org.as_bytes());
                (place, *org)
            })
            .collect();
        let may_see_words = administrator(seen.state(), &caller.actor).is_ok();
        let (partners, next_page_token) = page::list(
            "partners",
            request.page_size,
            &request.page_token,
            all,
            |org| without_words(seen.partner_message(org, &links), may_see_words),
        )?;
        let (rules, mode) = match request.page_token.is_empty() && may_see_words {
            true => (seen.partner_rules(), seen.partner_mode()),
            false => (Vec::new(), v1::PartnerMode::Unspecified),
        };
        Ok(v1::ListPartnersResponse {
            partners,
            next_page_token,
            rules,
            mode: mode.into(),
        })
    }

    async fn get_partner(
        &self,
        caller: &Caller,
        request: v1::GetPartnerRequest,
    ) -> Result<v1::GetPartnerResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let partner = seen.partner(&request.partner)?;
        let may_see_words = administrator(seen.state(), &caller.actor).is_ok();
        let message = seen.partner_message(partner, &self.runtime().links());
        Ok(v1::GetPartnerResponse {
            partner: Some(without_words(message, may_see_words)),
        })
    }

    async fn allow_partner(
        &self,
        caller: &Caller,
        request: v1::AllowPartnerRequest,
    ) -> Result<v1::AllowPartnerResponse, Refusal> {
        let v1::AllowPartnerRequest { pattern, remove } = request;
        if !remove {
            self.seen().may_be_a_partner(&pattern)?;
        }
        let action = match remove {
            true => Action::ForgetPattern { pattern },
            false => Action::AllowPartner { pattern },
        };
        self.runtime().act(caller.actor, action).await?;
        Ok(v1::AllowPartnerResponse {
            rules: self.seen().partner_rules(),
        })
    }

    async fn deny_partner(
        &self,
        caller: &Caller,
        request: v1::DenyPartnerRequest,
    ) -> Result<v1::DenyPartnerResponse, Refusal> {
        let v1::DenyPartnerRequest { pattern, remove } = request;
        let action = match remove {
            true => Action::ForgetPattern { pattern },
            false => Action::DenyPartner { pattern },
        };
        self.runtime().act(caller.actor, action).await?;
        let seen = self.seen();
        Ok(v1::DenyPartnerResponse {
            rules: seen.partner_rules(),
            denied_partners: seen.denied_partners(),
        })
    }

    async fn verify_partner(
        &self,
        caller: &Caller,
        request: v1::VerifyPartnerRequest,
    ) -> Result<v1::VerifyPartnerResponse, Refusal> {
        let seen = self.seen();
        let partner = seen.partner(&request.partner)?;
        let claimed: VerifyingKey = request.root_key.trim().parse().map_err(|_| {
            Refusal::malformed(
                "ROOT_KEY_INVALID",
                "this is no key",
                "ask the partner for the line `root key` of its `foedus identity show`, which begins with `key_`",
            )
        })?;
        let known = seen.org.identity(partner).ok_or(Reason::PartnerUnknown)?;
        let action = Action::VerifyPartner {
            partner,
            matches: claimed == known.current().root,
        };
        self.runtime().act(caller.actor, action).await?;
        Ok(v1::VerifyPartnerResponse {
            partner: Some(self.partner_now(partner)),
        })
    }

    async fn set_partner_mode(
        &self,
        caller: &Caller,
        request: v1::SetPartnerModeRequest,
    ) -> Result<v1::SetPartnerModeResponse, Refusal> {
        let mode = match request.mode() {
            v1::PartnerMode::Nobody => PartnerMode::Nobody,
            v1::PartnerMode::Listed => PartnerMode::Listed,
            v1::PartnerMode::AnyoneAfterApproval => PartnerMode::AnyoneAfterApproval,
            v1::PartnerMode::Unspecified => {
                return Err(Refusal::malformed(
                    "PARTNER_MODE_INVALID",
                    "the request names no mode",
                    "name `nobody`, `listed` or `anyone-after-approval`",
                ));
            }
        };
        let action = Action::SetPartnerMode { mode };
        self.runtime().act(caller.actor, action).await?;
        let seen = self.seen();
        Ok(v1::SetPartnerModeResponse {
            mode: seen.partner_mode().into(),
            rules: seen.partner_rules(),
        })
    }

    async fn suspend_partner(
        &self,
        caller: &Caller,
        request: v1::SuspendPartnerRequest,
    ) -> Result<v1::SuspendPartnerResponse, Refusal> {
        no_reason(&request.reason)?;
        if request.go_on {
            return Err(Refusal::not_yet(
                "writing on in channels with a suspended partner",
                "leave it out: new entries are then held back",
            ));
        }
        let seen = self.seen();
        let partner = seen.partner(&request.partner)?;
        let affected_channels = seen.affected(partner, true);
        let action = Action::SuspendPartner { partner };
        self.do_or_preview(caller, action, request.preview).await?;
        Ok(v1::SuspendPartnerResponse {
            partner: Some(self.partner_now(partner)),
            affected_channels,
        })
    }

    async fn resume_partner(
        &self,
        caller: &Caller,
        request: v1::ResumePartnerRequest,
    ) -> Result<v1::ResumePartnerResponse, Refusal> {
        let partner = self.seen().partner(&request.partner)?;
        let action = Action::ResumePartner { partner };
        self.runtime().act(caller.actor, action).await?;
        Ok(v1::ResumePartnerResponse {
            partner: Some(self.partner_now(partner)),
        })
    }

    async fn disconnect_partner(
        &self,
        caller: &Caller,
        request: v1::DisconnectPartnerRequest,
    ) -> Result<v1::DisconnectPartnerResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "partner.disconnect",
            key,
            request,
            |api, caller, request| async move {
                no_reason(&request.reason)?;
                let seen = api.seen();
                let partner = seen.partner(&request.partner)?;
                let affected_channels = seen.affected(partner, false);
                let action = Action::DisconnectPartner { partner };
                api.do_or_preview(&caller, action, request.preview).await?;
                Ok(v1::DisconnectPartnerResponse {
                    partner: Some(api.partner_now(partner)),
                    affected_channels,
                })
            },
        )
        .await
    }

    /// Does an act, or says only whether it would be permitted.
    pub(super) async fn do_or_preview(
        &self,
        caller: &Caller,
        action: Action,
        preview: bool,
    ) -> Result<(), org::Refused> {
        if preview {
            let seen = self.seen();
            let decision = decide(seen.state(), &caller.actor, &action, seen.now);
            let decided = decision.into_result().map(drop);
            return decided.map_err(org::Refused::Denied);
        }
        self.runtime().act(caller.actor, action).await.map(drop)
    }

    fn partner_now(&self, partner: OrgId) -> v1::Partner {
        self.seen()
            .partner_message(partner, &self.runtime().links())
    }
}

/// Why something was done is recorded of declined requests only.
pub(super) fn no_reason(reason: &str) -> Result<(), Refusal> {
    match reason.is_empty() {
        true => Ok(()),
        false => Err(Refusal::not_yet(
            "place for this reason in its audit log",
            "leave it out",
        )),
    }
}

/// The words, and what to type for them, are for those who compare them.
fn without_words(partner: v1::Partner, may_see: bool) -> v1::Partner {
    match may_see {
        true => partner,
        false => v1::Partner {
            words: Vec::new(),
            if_words_same: String::new(),
            if_words_differ: String::new(),
            next_step: String::new(),
            ..partner
        },
    }
}

/// A handle that a request names: of the partner that an identifier stands for, or as it is.
pub(super) fn handle_of(seen: &Seen, text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::malformed(
            "FIELD_NEEDED",
            "the request names no partner",
            "name the partner, or the handle of the organisation to invite",
        ));
    }
    match text.starts_with("org_") {
        true => {
            let partner = seen.partner(text)?;
            let known = seen.state().partners().get(&partner);
            Ok(known.ok_or(Reason::PartnerUnknown)?.handle.to_string())
        }
        false => Ok(text.to_owned()),
    }
}

service!(v1::partner_service_server::PartnerService {
    invite_partner: InvitePartnerRequest => InvitePartnerResponse,
    accept_invitation: AcceptInvitationRequest => AcceptInvitationResponse,
    confirm_partner: ConfirmPartnerRequest => ConfirmPartnerResponse,
    list_partners: ListPartnersRequest => ListPartnersResponse,
    get_partner: GetPartnerRequest => GetPartnerResponse,
    allow_partner: AllowPartnerRequest => AllowPartnerResponse,
    deny_partner: DenyPartnerRequest => DenyPartnerResponse,
    set_partner_mode: SetPartnerModeRequest => SetPartnerModeResponse,
    verify_partner: VerifyPartnerRequest => VerifyPartnerResponse,
    suspend_partner: SuspendPartnerRequest => SuspendPartnerResponse,
    resume_partner: ResumePartnerRequest => ResumePartnerResponse,
    disconnect_partner: DisconnectPartnerRequest => DisconnectPartnerResponse,
});
