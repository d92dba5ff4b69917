//! What the audit log says of an act: who, what, to which object, and how it ended.
//!
//! No secret and no words get here. Where and how the event is kept is not known here.

use crate::action::{Action, Actor, Outcome};
use crate::reason::Reason;
use crate::vocabulary::Capability;

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused, by this rule.
    Denied(Reason),
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who.
    pub actor: Actor,
    /// What: noun and verb, like `partner.confirm`. Stable.
    pub verb: &'static str,
    /// To what, in its text form; empty where there is no one thing.
    pub object: String,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// What else is worth knowing, by name, in a fixed order.
    pub details: Vec<(&'static str, String)>,
}

/// Whether an act belongs in the audit log: every one but writing to and reading channels, and
/// the daemon's look for what is due.
pub fn is_administrative(action: &Action) -> bool {
    !matches!(
        action,
        Action::Write { .. } | Action::Read { .. } | Action::ExpireDue
    )
}

/// The event of an act that was applied or refused.
pub fn audit_event(actor: &Actor, action: &Action, result: Result<&Outcome, Reason>) -> AuditEvent {
    let Described {
        verb,
        object,
        mut details,
    } = describe(action);
    let outcome = match result {
        Ok(outcome) => {
            details.extend(what_came(outcome));
            AuditOutcome::Done
        }
        Err(reason) => AuditOutcome::Denied(reason),
    };
    details.retain(|(_, value)| !value.is_empty());
    AuditEvent {
        actor: *actor,
        verb,
        object,
        outcome,
        details,
    }
}

struct Described {
    verb: &'static str,
    object: String,
    details: Vec<(&'static str, String)>,
}

fn described(
    verb: &'static str,
    object: impl ToString,
    details: impl IntoIterator<Item = (&'static str, String)>,
) -> Described {
    Described {
        verb,
        object: object.to_string(),
        details: details.into_iter().collect(),
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Words in one detail, separated by commas.
fn list(words: impl Iterator<Item = &'static str>) -> String {
    words.collect::<Vec<_>>().join(",")
}

/// Verb, object and details of an action. Text that somebody typed is a detail as it was typed:
/// whoever shows it escapes it. One match without a rest: an action that is new must say here what it is.
fn describe(action: &Action) -> Described {
    match action {
        Action::Init {
            org,
            handle,
            administrator,
            root: _,
            display_name: _,
        } => {
            let details = [
                ("handle", handle.clone()),
                ("administrator", administrator.clone()),
            ];
            described("organisation.init", org, details)
        }
        Action::RenewKeys { keys, serial } => described(
            "identity.renew",
            keys.name(),
            [("serial", serial.to_string())],
        ),
        Action::AddMember {
            name,
            administrator,
            display_name: _,
        } => described(
            "member.add",
            name,
            [("administrator", administrator.to_string())],
        ),
        Action::DeactivateMember { member } => described("member.deactivate", member, []),
        Action::CreateToken {
            member,
            name,
            scopes,
            expires,
        } => {
            let expires = optional(expires.map(|expires| expires.0));
            let details = [
                ("name", name.clone()),
                ("scopes", list(scopes.names())),
                ("expires_ms", expires),
            ];
            described("token.create", member, details)
        }
        Action::RevokeToken { token } => described("token.revoke", token, []),
        Action::ExportAudit => described("audit.export", "", []),
        Action::CreateChannel {
            name,
            private,
            topic: _,
        } => described("channel.create", name, [("private", private.to_string())]),
        Action::RenameChannel { channel, name } => {
            described("channel.rename", channel, [("name", name.clone())])
        }
        Action::ArchiveChannel { channel, archived } => {
            let verb = match archived {
                true => "channel.archive",
                false => "channel.unarchive",
            };
            described(verb, channel, [])
        }
        Action::JoinChannel { channel } => described("channel.join", channel, []),
        Action::LeaveChannel { channel } => described("channel.leave", channel, []),
        Action::AddChannelMember { channel, member } => described(
            "channel.add-member",
            channel,
            [("member", member.to_string())],
        ),
        Action::ShareChannel {
            channel,
            partner,
            project,
            ends,
            capabilities,
            history,
            // Words for whoever decides; the request keeps them.
            purpose: _,
        } => {
            let details = [
                ("partner", partner.clone()),
                ("project", project.clone()),
                ("ends_ms", optional(ends.at().map(|ends| ends.0))),
                (
                    "capabilities",
                    list(capabilities.iter().map(Capability::as_str)),
                ),
                ("history", history.to_string()),
            ];
            described("channel.share", channel, details)
        }
        Action::OfferReceived {
            host,
            charter,
            offer,
            beyond_offer: _,
        } => {
            let details = [("host", host.to_string()), ("charter", charter.to_string())];
            described("channel.offer", offer.channel, details)
        }
        Action::ChannelSealed {
            channel,
            host,
            participants,
            ends,
        } => {
            // Who they are is in the charter; by id, all would be more than a line takes.
            let details = [
                ("host", host.to_string()),
                ("participants", participants.len().to_string()),
                ("ends_ms", optional(ends.map(|ends| ends.0))),
            ];
            described("channel.seal", channel, details)
        }
        Action::EndChannel { channel, cause } => {
            described("channel.end", channel, [("cause", cause.to_string())])
        }
        Action::CreateProject { name, ends } => {
            let ends = optional(ends.at().map(|ends| ends.0));
            described("project.create", name, [("ends_ms", ends)])
        }
        Action::ExtendProject { project, until } => described(
            "project.extend",
            project,
            [("ends_ms", until.0.to_string())],
        ),
        Action::EndProject { project } => described("project.end", project, []),
        Action::Write {
            channel,
            capability,
            charter: _,
        } => described(
            "channel.write",
            channel,
            [("capability", capability.to_string())],
        ),
        Action::Read { channel } => described("channel.read", channel, []),
        Action::ExportChannel {
            channel,
            all_bodies,
        } => described(
            "channel.export",
            channel,
            [("all_bodies", all_bodies.to_string())],
        ),
        Action::InvitePartner { handle } => {
            described("invitation.create", optional(handle.as_ref()), [])
        }
        Action::ApproveRequest {
            number,
            channel_name,
            words: _,
            private: _,
        } => {
            let details = [("channel_name", optional(channel_name.as_ref()))];
            described("request.approve", number, details)
        }
        Action::DeclineRequest { number, reason } => {
            described("request.decline", number, [("reason", reason.clone())])
        }
        Action::WithdrawRequest { number } => described("request.withdraw", number, []),
        Action::RevokeInvitation { invitation } => described("invitation.revoke", invitation, []),
        Action::AcceptInvitation(accepted) => {
            let details = [
                ("handle", accepted.handle.clone()),
                ("invitation", accepted.invitation.to_string()),
            ];
            described("partner.accept", accepted.inviter, details)
        }
        Action::RecordReply(reply) => {
            let details = [
                ("handle", reply.handle.clone()),
                ("invitation", reply.invitation.to_string()),
            ];
            described("partner.reply", reply.partner, details)
        }
        Action::ConfirmPartner { partner, words: _ } => described("partner.confirm", partner, []),
        Action::AllowPartner { pattern } => described("partner.allow", pattern, []),
        Action::DenyPartner { pattern } => described("partner.deny", pattern, []),
        Action::ForgetPattern { pattern } => described("partner.forget", pattern, []),
        Action::SetPartnerMode { mode } => described("partner.mode", mode.name(), []),
        Action::VerifyPartner { partner, matches } => described(
            "partner.verify",
            partner,
            [("same_key", matches.to_string())],
        ),
        Action::SuspendPartner { partner } => described("partner.suspend", partner, []),
        Action::ResumePartner { partner } => described("partner.resume", partner, []),
        Action::DisconnectPartner { partner } => described("partner.disconnect", partner, []),
        Action::ExpireDue => described("organisation.expire", "", []),
        Action::ClockLeapt(leap) => {
            let details = [
                ("expected_ms", leap.expected.0.to_string()),
                ("found_ms", leap.found.0.to_string()),
                ("at_start", leap.at_start.to_string()),
            ];
            described("clock.leap", "", details)
        }
        Action::ClockAgreed { partner } => described("clock.agree", optional(partner.as_ref()), []),
        Action::ConfirmClock { shown } => {
            described("clock.confirm", "", [("clock_ms", shown.0.to_string())])
        }
    }
}

/// What an outcome adds: identifiers of what was made. Never a secret.
fn what_came(outcome: &Outcome) -> Vec<(&'static str, String)> {
    match outcome {
        Outcome::Unchanged => vec![("unchanged", true.to_string())],
        Outcome::Initialised {
            administrator: member,
        }
        | Outcome::MemberAdded { member } => {
            vec![("member", member.to_string())]
        }
        Outcome::TokenCreated { token, text: _ } => vec![("token", token.to_string())],
        Outcome::ChannelCreated { channel, .. } => vec![("channel", channel.to_string())],
        Outcome::Requested { number } => vec![("request", number.to_string())],
        Outcome::Invited {
            invitation,
            secret: _,
        } => {
            vec![("invitation", invitation.to_string())]
        }
        Outcome::OfferChannel { channel, partner } => {
            vec![
                ("channel", channel.to_string()),
                ("partner", partner.to_string()),
            ]
        }
        Outcome::PartnerActive { partner, .. } => vec![("partner", partner.to_string())],
        Outcome::ConsentNow { channel, charter } | Outcome::OfferDeclined { channel, charter } => {
            vec![
                ("channel", channel.to_string()),
                ("charter", charter.to_string()),
            ]
        }
        Outcome::ProjectCreated { project } => vec![("project", project.to_string())],
        Outcome::ExtendChannels { channels, until: _ } => {
            vec![("channels", channels.len().to_string())]
        }
        Outcome::Ended { channels } => vec![("ended", channels.len().to_string())],
        Outcome::PartnerSuspended { channels, .. } => {
            vec![("channels", channels.len().to_string())]
        }
        Outcome::PartnerDisconnected { ended, .. } => vec![("ended", ended.len().to_string())],
        Outcome::MemberDeactivated { left } => vec![("left", left.len().to_string())],
        Outcome::Done
        | Outcome::Joined { .. }
        | Outcome::Left { .. }
        | Outcome::Replied { .. }
        | Outcome::PartnerResumed { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
