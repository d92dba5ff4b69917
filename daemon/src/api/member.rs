//! `MemberService`.

use foedus_policy::action::{Action, Outcome};
use foedus_proto::api::v1;

use super::caller::{Caller, reader};
use super::refusal::Refusal;
use super::{Api, page, service};

impl Api {
    async fn add_member(
        &self,
        caller: &Caller,
        request: v1::AddMemberRequest,
    ) -> Result<v1::AddMemberResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "member.add",
            key,
            request,
            |api, caller, request| async move { api.do_add_member(&caller, request).await },
        )
        .await
    }

    async fn do_add_member(
        &self,
        caller: &Caller,
        request: v1::AddMemberRequest,
    ) -> Result<v1::AddMemberResponse, Refusal> {
        if !matches!(
            request.kind(),
            v1::MemberKind::Unspecified | v1::MemberKind::Member
        ) {
            return Err(Refusal::not_yet(
                "guests, bots or bridges",
                "add a member, and give it a token",
            ));
        }
        if request.roles().any(|role| role == v1::Role::Auditor) {
            return Err(Refusal::not_yet(
                "auditors",
                "an administrator can read the audit log",
            ));
        }
        let administrator = request.roles().any(|role| role == v1::Role::Administrator);
        let v1::AddMemberRequest {
            name,
            display_name,
            kind: _,
            roles: _,
            idempotency_key: _,
        } = request;
        let display_name = match display_name.is_empty() {
            true => name.clone(),
            false => display_name,
        };
        let action = Action::AddMember {
            name,
            display_name,
            administrator,
        };
        let outcome = self.runtime().act(caller.actor, action).await?;
        let Outcome::MemberAdded { member } = outcome else {
            return Err(unexpected());
        };
        Ok(v1::AddMemberResponse {
            member: Some(self.seen().member_message(member)),
        })
    }

    async fn list_members(
        &self,
        caller: &Caller,
        request: v1::ListMembersRequest,
    ) -> Result<v1::ListMembersResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let all = seen
            .state()
            .members()
            .iter()
            .filter(|(_, member)| request.include_deactivated || member.active)
            .map(|(id, member)| (member.name.as_str().as_bytes().to_vec(), *id))
            .collect();
        let (members, next_page_token) = page::list(
            "members",
            request.page_size,
            &request.page_token,
            all,
            |id| seen.member_message(id),
        )?;
        Ok(v1::ListMembersResponse {
            members,
            next_page_token,
        })
    }

    async fn deactivate_member(
        &self,
        caller: &Caller,
        request: v1::DeactivateMemberRequest,
    ) -> Result<v1::DeactivateMemberResponse, Refusal> {
        let member = self.seen().member(&request.member)?;
        let action = Action::DeactivateMember { member };
        self.do_or_preview(caller, action, request.preview).await?;
        Ok(v1::DeactivateMemberResponse {
            member: Some(self.seen().member_message(member)),
        })
    }
}

/// An act that was done came to something else than it always does.
pub(super) fn unexpected() -> Refusal {
    Refusal::internal(
        "OUTCOME_UNEXPECTED",
        "what was done came to something unexpected",
    )
}

service!(v1::member_service_server::MemberService {
    add_member: AddMemberRequest => AddMemberResponse,
    list_members: ListMembersRequest => ListMembersResponse,
    deactivate_member: DeactivateMemberRequest => DeactivateMemberResponse,
});
