//! `InvitationService`.

use foedus_policy::action::Action;
use foedus_policy::id::InvalidId;
use foedus_policy::reason::Reason;
use foedus_policy::state::{InvitationId, InvitationState};
use foedus_proto::api::v1;

use super::caller::{Caller, administrator, reader};
use super::refusal::Refusal;
use super::{Api, page, service};
use crate::runtime::invitation_text;

impl Api {
    async fn list_invitations(
        &self,
        caller: &Caller,
        request: v1::ListInvitationsRequest,
    ) -> Result<v1::ListInvitationsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        administrator(seen.state(), &caller.actor)?;
        let open = |state, expires| state == InvitationState::Open && expires > seen.now;
        let all = seen
            .state()
            .invitations()
            .iter()
            .filter(|(_, known)| request.include_closed || open(known.state, known.expires))
            .map(|(id, known)| {
                let mut place = page::reversed(known.expires.0);
                place.extend_from_slice(id.as_bytes());
                (place, (*id, known))
            })
            .collect();
        let (invitations, next_page_token) = page::list(
            "invitations",
            request.page_size,
            &request.page_token,
            all,
            |(id, known)| seen.invitation_message(id, known),
        )?;
        Ok(v1::ListInvitationsResponse {
            invitations,
            next_page_token,
        })
    }

    async fn get_invitation(
        &self,
        caller: &Caller,
        request: v1::GetInvitationRequest,
    ) -> Result<v1::GetInvitationResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        administrator(seen.state(), &caller.actor)?;
        let invitation = invitation_id(&request.invitation_id)?;
        let known = seen.state().invitations().get(&invitation);
        let known = known.ok_or(Reason::InvitationUnknown)?;
        let open = known.expires > seen.now;
        let text = open.then(|| invitation_text(&seen.org, invitation));
        Ok(v1::GetInvitationResponse {
            invitation: Some(seen.invitation_message(invitation, known)),
            invitation_text: text.flatten().unwrap_or_default(),
        })
    }

    async fn revoke_invitation(
        &self,
        caller: &Caller,
        request: v1::RevokeInvitationRequest,
    ) -> Result<v1::RevokeInvitationResponse, Refusal> {
        let invitation = invitation_id(&request.invitation_id)?;
        let action = Action::RevokeInvitation { invitation };
        self.runtime().act(caller.actor, action).await?;
        let seen = self.seen();
        let known = seen.state().invitations().get(&invitation);
        let known = known.ok_or(Reason::InvitationUnknown)?;
        Ok(v1::RevokeInvitationResponse {
            invitation: Some(seen.invitation_message(invitation, known)),
        })
    }
}

fn invitation_id(text: &str) -> Result<InvitationId, Refusal> {
    text.parse().map_err(|invalid: InvalidId| {
        let fix = "copy it from `foedus invitation list`";
        Refusal::malformed("ID_INVALID", invalid.to_string(), fix)
    })
}

service!(v1::invitation_service_server::InvitationService {
    list_invitations: ListInvitationsRequest => ListInvitationsResponse,
    get_invitation: GetInvitationRequest => GetInvitationResponse,
    revoke_invitation: RevokeInvitationRequest => RevokeInvitationResponse,
});
