//! What a permitted act changes.
//!
//! Takes a permit and never refuses: whatever could stand in the way, `decide` has looked at in
//! the same version of the state. Writes nothing anywhere; which records changed comes out, so
//! that they can be stored in one commit.

mod channels;
mod clock;
mod partners;
mod people;
mod requests;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::action::{Action, Actor, Given, Outcome};
use crate::decide::Permit;
use crate::state::{Change, Person, Record, State};

/// What an act changed, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Applied {
    /// Records that were put or removed, each once, ascending.
    pub changes: Vec<Change>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Applies what was permitted. If anything changed, `state` is one version further.
///
/// # Panics
///
/// If the permit was made for another version of the state than this.
pub fn apply(state: &mut State, permit: Permit, given: &Given) -> Applied {
    assert_eq!(
        permit.version,
        state.version(),
        "a permit holds for the version of the state that it was decided on"
    );
    let mut act = Act {
        state,
        given,
        actor: permit.actor,
        changes: BTreeSet::new(),
        drawn: 0,
    };
    let outcome = act.run(permit.action);
    let changes: Vec<Change> = act.changes.into_iter().collect();
    if !changes.is_empty() {
        state.advance();
    }
    Applied { changes, outcome }
}

/// One act under way.
struct Act<'a> {
    state: &'a mut State,
    given: &'a Given,
    actor: Actor,
    changes: BTreeSet<Change>,
    drawn: u32,
}

impl Act<'_> {
    /// One row per action and no rest arm, so that a new action says what it changes: that is what makes it
    /// long. What each does stands beside others of its subject.
    fn run(&mut self, action: Action) -> Outcome {
        match action {
            Action::Init {
                org,
                root,
                handle,
                display_name,
                administrator,
            } => self.init(org, root, &handle, &display_name, &administrator),
            Action::AddMember {
                name,
                display_name,
                administrator,
            } => self.add_member(&name, &display_name, administrator),
            Action::DeactivateMember { member } => self.deactivate_member(member),
            Action::CreateToken {
                member,
                name,
                scopes,
                expires,
            } => self.create_token(member, &name, scopes, expires),
            Action::RevokeToken { token } => self.revoke_token(token),
            Action::CreateChannel {
                name,
                topic,
                private,
            } => self.create_channel(&name, &topic, private),
            Action::RenameChannel { channel, name } => self.rename_channel(channel, &name),
            Action::ArchiveChannel { channel, archived } => self.archive_channel(channel, archived),
            Action::JoinChannel { channel } => self.join_channel(channel),
            Action::LeaveChannel { channel } => self.leave_channel(channel),
            Action::AddChannelMember { channel, member } => self.add_to_channel(channel, member),
            Action::ShareChannel {
                channel,
                partner,
                project,
                ends,
                capabilities,
                history,
                purpose,
            } => {
                let terms = requests::ShareTerms {
                    project,
                    ends: ends.at(),
                    capabilities,
                    history,
                    purpose,
                };
                self.share_channel(channel, &partner, terms)
            }
            Action::InvitePartner { handle } => self.invite_partner(handle.as_deref()),
            Action::ApproveRequest {
                number,
                words: _,
                channel_name,
                private,
            } => self.approve_request(number, channel_name.as_deref(), private),
            Action::DeclineRequest { number, reason } => self.decline_request(number, &reason),
            Action::WithdrawRequest { number } => self.withdraw_request(number),
            Action::RevokeInvitation { invitation } => self.revoke_invitation(invitation),
            Action::AcceptInvitation(accepted) => self.accept_invitation(*accepted),
            Action::RecordReply(reply) => self.record_reply(*reply),
            Action::ConfirmPartner { partner, words: _ } => self.confirm_partner(partner),
            Action::AllowPartner { pattern } => self.allow_partner(&pattern),
            Action::DenyPartner { pattern } => self.deny_partner(&pattern),
            Action::ForgetPattern { pattern } => self.forget_pattern(&pattern),
            Action::SetPartnerMode { mode } => self.set_partner_mode(mode),
            Action::OfferReceived {
                host,
                charter,
                offer,
                beyond_offer,
            } => self.offer_received(host, charter, offer, beyond_offer),
            Action::ChannelSealed {
                channel,
                host,
                participants,
                ends,
            } => self.channel_sealed(channel, host, participants, ends),
            Action::EndChannel { channel, cause } => self.end_channel(channel, cause),
            Action::CreateProject { name, ends } => self.create_project(&name, ends),
            Action::ExtendProject { project, until } => self.extend_project(project, until),
            Action::EndProject { project } => self.end_project(project),
            Action::VerifyPartner {
                partner,
                matches: _,
            } => self.verify_partner(partner),
            Action::SuspendPartner { partner } => self.suspend_partner(partner),
            Action::ResumePartner { partner } => self.resume_partner(partner),
            Action::DisconnectPartner { partner } => self.disconnect_partner(partner),
            Action::ExpireDue => self.expire_due(),
            Action::ClockLeapt(leap) => self.clock_leapt(leap),
            Action::ClockAgreed { partner } => self.clock_agreed(partner),
            Action::ConfirmClock { shown: _ } => self.confirm_clock(),
            Action::RenewKeys { .. }
            | Action::Write { .. }
            | Action::Read { .. }
            | Action::ExportChannel { .. }
            | Action::ExportAudit => Outcome::Done,
        }
    }

    fn put(&mut self, record: Record) {
        let change = self.state.put(record);
        self.changes.insert(change);
    }

    fn remove(&mut self, change: Change) {
        self.state.remove(&change);
        self.changes.insert(change);
    }

    /// Random bytes that this act has not drawn before.
    fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut hash = Sha256::new();
        hash.update(self.given.entropy);
        hash.update(self.drawn.to_be_bytes());
        self.drawn += 1;
        let bytes: [u8; 32] = hash.finalize().into();
        bytes[..N]
            .try_into()
            .expect("nothing longer than a hash is drawn")
    }

    /// Who acts, as the one to be named for it.
    fn person(&self) -> Person {
        match self.actor {
            Actor::Operator {
                as_member: Some(member),
                ..
            }
            | Actor::Member { member, .. } => Person::Member(member),
            Actor::Operator {
                uid,
                as_member: None,
            } => Person::Operator(uid),
            Actor::Partner(org) => Person::Partner(org),
            Actor::System => unreachable!("the daemon neither asks nor decides"),
        }
    }
}

#[cfg(test)]
mod tests;
