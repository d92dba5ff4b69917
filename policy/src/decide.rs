//! The one gate: may this actor do this, in this state, now?
//!
//! What no rule permits is refused, and a rule that refuses beats one that permits. Nothing is
//! changed here; what is permitted comes back as a [`Permit`], which nobody else can make.

mod caller;
mod channels;
mod clock;
mod partners;
mod people;
mod requests;

use crate::action::{Action, Actor};
use crate::id::{AuthorId, NoteHash, OrgId};
use crate::offer::OfferFate;
use crate::reason::Reason;
use crate::state::{Offer, State};
use crate::time::Timestamp;

use caller::Caller;
pub use caller::administrator_allowed;
pub use partners::{carrier_allowed, link_key_allowed, origin_allowed};

/// The answer.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one step and is never stored"
)]
#[must_use]
pub enum Decision {
    /// It may be done: by handing the permit to whoever does it.
    Permit(Permit),
    /// It may not be done.
    Deny(Reason),
}

impl Decision {
    /// The same as a `Result`, for callers that go on with `?`.
    pub fn into_result(self) -> Result<Permit, Reason> {
        match self {
            Self::Permit(permit) => Ok(permit),
            Self::Deny(reason) => Err(reason),
        }
    }
}

/// That one action by one actor was permitted in one version of the state. Only [`decide`] makes
/// it, and it is used up by what it permits.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    pub(crate) version: u64,
    pub(crate) actor: Actor,
    pub(crate) action: Action,
    author: Option<AuthorId>,
}

impl Permit {
    /// Who may.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What they may.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Who they are to the channel, where the action is to write to it.
    pub fn author(&self) -> Option<AuthorId> {
        self.author
    }
}

/// Whether `actor` may do `action` in `state` at `now`.
pub fn decide(state: &State, actor: &Actor, action: &Action, now: Timestamp) -> Decision {
    match check(state, actor, action, now) {
        Ok(author) => Decision::Permit(Permit {
            version: state.version(),
            actor: *actor,
            action: action.clone(),
            author,
        }),
        Err(reason) => Decision::Deny(reason),
    }
}

/// One row per action and no rest arm, so that a new action has no answer before it has a rule: that is
/// what makes it long. Each rule is a function of its own beside others of its subject.
fn check(
    state: &State,
    actor: &Actor,
    action: &Action,
    now: Timestamp,
) -> Result<Option<AuthorId>, Reason> {
    if let Action::Init {
        handle,
        display_name,
        administrator,
        ..
    } = action
    {
        return people::init(state, actor, handle, display_name, administrator).map(|()| None);
    }
    let asked = Asked {
        state,
        caller: Caller::of(state, actor)?,
        now,
    };
    match action {
        Action::Write {
            channel,
            capability,
            charter,
        } => {
            return asked
                .write(*channel, *capability, charter.as_ref())
                .map(Some);
        }
        Action::Init { .. } => unreachable!("decided above"),
        Action::RenewKeys { .. } => asked.caller.administrator().map(drop),
        Action::AddMember {
            name, display_name, ..
        } => asked.add_member(name, display_name),
        Action::DeactivateMember { member } => asked.deactivate_member(*member),
        Action::CreateToken {
            member,
            name,
            scopes,
            expires,
        } => asked.create_token(*member, name, *scopes, *expires),
        Action::RevokeToken { token } => asked.revoke_token(*token),
        Action::CreateChannel { name, topic, .. } => asked.create_channel(name, topic),
        Action::RenameChannel { channel, name } => asked.rename_channel(*channel, name),
        Action::ArchiveChannel { channel, .. } => asked.archive_channel(*channel),
        Action::JoinChannel { channel } => asked.join_channel(*channel),
        Action::LeaveChannel { channel } => asked.leave_channel(*channel),
        Action::AddChannelMember { channel, member } => asked.add_channel_member(*channel, *member),
        Action::ShareChannel {
            channel,
            partner,
            project,
            ends,
            purpose,
            ..
        } => asked.share_channel(*channel, partner, project, *ends, purpose),
        Action::InvitePartner { handle } => asked.invite_partner(handle.as_deref()),
        Action::ApproveRequest {
            number,
            words,
            channel_name,
            ..
        } => asked.approve_request(*number, words.as_deref(), channel_name.as_deref()),
        Action::DeclineRequest { number, reason } => asked.decline_request(*number, reason),
        Action::WithdrawRequest { number } => asked.withdraw_request(*number),
        Action::RevokeInvitation { invitation } => asked.revoke_invitation(*invitation),
        Action::AcceptInvitation(accepted) => asked.accept_invitation(accepted),
        Action::RecordReply(reply) => asked.record_reply(reply),
        Action::ConfirmPartner { partner, words } => {
            asked.confirm_partner(*partner, words.as_deref())
        }
        Action::AllowPartner { pattern }
        | Action::DenyPartner { pattern }
        | Action::ForgetPattern { pattern } => asked.change_pattern(pattern),
        Action::SetPartnerMode { .. } => asked.caller.administrator().map(drop),
        Action::OfferReceived {
            host,
            charter,
            offer,
            beyond_offer,
        } => asked.offer_received(*host, *charter, offer, *beyond_offer),
        Action::ChannelSealed {
            channel,
            host,
            participants,
            ends,
        } => asked.channel_sealed(*channel, *host, participants, *ends),
        Action::EndChannel { channel, cause } => asked.end_channel(*channel, *cause),
        Action::CreateProject { name, ends } => asked.create_project(name, *ends),
        Action::ExtendProject { project, until } => asked.extend_project(*project, *until),
        Action::EndProject { project } => asked.end_project(*project),
        Action::VerifyPartner { partner, matches } => asked.verify_partner(*partner, *matches),
        Action::SuspendPartner { partner } => asked.suspend_partner(*partner),
        Action::ResumePartner { partner } => asked.resume_partner(*partner),
        Action::DisconnectPartner { partner } => asked.disconnect_partner(*partner),
        Action::ExpireDue => asked.expire_due(),
        Action::ClockLeapt(_) | Action::ClockAgreed { .. } => asked.caller.daemon(),
        Action::ConfirmClock { .. } => asked.confirm_clock(),
        Action::Read { channel } => asked.read(*channel),
        Action::ExportChannel {
            channel,
            all_bodies,
        } => asked.export_channel(*channel, *all_bodies),
        Action::ExportAudit => asked.caller.administrator().map(drop),
    }
    .map(|()| None)
}

/// Whether an administrator said yes to exactly what `charter`, a revision by `host`, comes to.
pub fn offer_approved(
    state: &State,
    host: OrgId,
    charter: NoteHash,
    offer: &Offer,
    beyond_offer: bool,
    now: Timestamp,
) -> bool {
    OfferFate::of(state, host, charter, offer, beyond_offer, now) == OfferFate::ApprovedAlready
}

/// What every rule looks at.
struct Asked<'a> {
    state: &'a State,
    caller: Caller,
    now: Timestamp,
}

#[cfg(test)]
mod tests;
