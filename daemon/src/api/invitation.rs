//! `InvitationService`.

use foedus_policy::action::Action;
use foedus_policy::id::InvalidId;
use foedus_policy::reason::Reason;
use foedus_policy::state::{InvitationId, InvitationState};
use foedus_proto::api::v1;

use super::caller::{Caller, administrator, reader};
use super::refusal::Refusal;
use super::{Api, page, service};

impl Api {
    async fn list_invitations(
        &self,
        caller: &Caller,
        request: v1::ListInvitationsRequest,
    ) -> Result<v1::ListInvitationsResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        administrator(seen.state(), &caller.actor, seen.now)?;
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

    async fn revoke_invitation(
        &self,
        caller: &Caller,
        request: v1::RevokeInvitationRequest,
    ) -> Result<v1::RevokeInvitationResponse, Refusal> {
        let invitation: InvitationId =
            request
                .invitation_id
                .parse()
                .map_err(|invalid: InvalidId| {
                    let fix = "copy it from `foedus invitation list`";
                    Refusal::malformed("ID_INVALID", invalid.to_string(), fix)
                })?;
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

service!(v1::invitation_service_server::InvitationService {
    list_invitations: ListInvitationsRequest => ListInvitationsResponse,
    revoke_invitation: RevokeInvitationRequest => RevokeInvitationResponse,
});
