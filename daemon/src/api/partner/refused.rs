//! What callers are told when an invitation, a reply to one or a confirmation was not taken: by the rule that refused,
//! and with what there is to type in just this case.

use foedus_federation::org;
use foedus_federation::pairing::Invitation;
use foedus_federation::transport::PairingRefusal;
use foedus_policy::action::Actor;
use foedus_policy::id::OrgId;
use foedus_policy::name::Handle;
use foedus_policy::reason::Reason;
use foedus_policy::state::PartnerState;
use tonic::Code;

use crate::api::Seen;
use crate::api::caller::administrator;
use crate::api::refusal::Refusal;
use crate::runtime::{AcceptInvitationError, PasteReplyError};

/// The name that was given for another organisation's may be our own.
pub(in crate::api) fn not_approached(seen: &Seen, handle: &str, refused: org::Refused) -> Refusal {
    let ours = seen
        .org
        .handle()
        .is_some_and(|ours| ours.as_str() == handle);
    match refused {
        org::Refused::Denied(Reason::HandleTaken) if ours => Refusal {
            text: format!("{handle} is this organisation itself"),
            fix: "name another organisation".to_owned(),
            ..Refusal::from(Reason::HandleTaken)
        },
        refused => names_whom(refused, handle),
    }
}

/// A refusal that is about a partner, with who that is.
pub(in crate::api) fn names_whom(refused: org::Refused, handle: &str) -> Refusal {
    let org::Refused::Denied(reason) = refused else {
        return refused.into();
    };
    let (text, fix) = match reason {
        Reason::PartnerDenied => (
            format!("{handle} is on the deny list"),
            format!(
                "an administrator can take it off: `foedus --as NAME partner deny {handle} --remove`, or with the pattern \
                 that denies it, by `foedus partner list`"
            ),
        ),
        Reason::PartnerSuspended => (
            format!("{handle} is suspended"),
            format!("an administrator can resume it: `foedus --as NAME partner resume {handle}`"),
        ),
        Reason::PartnerNotApproved => (
            format!("{handle} waits to become a partner, and has not been approved here yet"),
            format!("`foedus partner show {handle}` says what an administrator does next"),
        ),
        reason => return reason.into(),
    };
    Refusal {
        text,
        fix,
        ..Refusal::from(reason)
    }
}

/// Whoever has both texts before them may paste the other one.
pub(super) fn no_reply(text: &str) -> Result<(), Refusal> {
    match text.trim_start().starts_with("foedus-reply-") {
        true => Err(Refusal::malformed(
            "INVITATION_INVALID",
            "this is a reply to an invitation, not an invitation",
            "hand it in with `foedus --as NAME partner confirm REPLY`",
        )),
        false => Ok(()),
    }
}

/// The same, the other way round.
pub(super) fn no_invitation(text: &str) -> Result<(), Refusal> {
    match text.trim_start().starts_with("foedus-invitation-") {
        true => Err(Refusal::malformed(
            "REPLY_INVALID",
            "this is an invitation, not a reply to one",
            "take it up with `foedus --as NAME partner accept INVITATION`",
        )),
        false => Ok(()),
    }
}

/// The invitation is `text`.
pub(super) fn not_accepted(
    seen: &Seen,
    actor: &Actor,
    text: &str,
    error: AcceptInvitationError,
) -> Refusal {
    let AcceptInvitationError::Refused(org::Refused::Denied(reason)) = error else {
        return error.into();
    };
    let is_administrator = administrator(seen.state(), actor).is_ok();
    let inviter = Invitation::parse(text).ok();
    let inviter = inviter.map(|invitation| invitation.inviter.org());
    let waiting = inviter.and_then(|org| Some((org, seen.comparison(org)?)));
    match (reason, waiting) {
        // The list binds only who is no administrator, so there are two ways on.
        (Reason::PartnerNotListed, _) if !is_administrator => Refusal {
            text: "the inviter is not on the allow-list, so only an administrator can take up its invitation"
                .to_owned(),
            fix: "give the invitation to an administrator, who can also list the inviter with `foedus partner allow HANDLE`"
                .to_owned(),
            ..Refusal::from(Reason::PartnerNotListed)
        },
        (Reason::PartnerExists, Some((org, comparison))) => {
            let handle = seen.handle(org);
            Refusal {
                text: format!("{handle} waits here already, by another invitation"),
                fix: format!(
                    "go on with that one (`foedus partner show {handle}`), or end it with `{}` and accept this \
                     one then",
                    comparison.differ
                ),
                ..Refusal::from(Reason::PartnerExists)
            }
        }
        (Reason::PartnerExists, None) => inviter
            .and_then(|org| exists(seen, org, "accept this invitation then"))
            .unwrap_or_else(|| reason.into()),
        _ => reason.into(),
    }
}

/// The handle that was to be invited may be our own, or a partner's.
pub(super) fn not_invited(seen: &Seen, handle: &str, refused: org::Refused) -> Refusal {
    let known = Handle::parse(handle).ok();
    let known = known.and_then(|handle| seen.state().partner_named(&handle));
    match (&refused, known) {
        (org::Refused::Denied(Reason::PartnerExists), Some(org)) => {
            exists(seen, org, "invite it then").unwrap_or_else(|| refused.into())
        }
        _ => not_approached(seen, handle, refused),
    }
}

/// Somebody would begin anew with a partner, mostly because that one has ended the peering: it says so by taking no
/// link, which nobody notices while the link rests.
fn exists(seen: &Seen, org: OrgId, then: &str) -> Option<Refusal> {
    let known = seen.state().partners().get(&org)?;
    let handle = &known.handle;
    let anew = format!("`foedus --as NAME partner disconnect {handle} --yes`, and {then}");
    let (text, fix) = match known.state {
        PartnerState::Active => (
            format!("{handle} is a partner here already"),
            format!(
                "nothing is to be done for another channel: share it as it is. If {handle} has ended the peering at \
                 its side, end it here too: {anew}"
            ),
        ),
        PartnerState::Suspended => (
            format!("{handle} is a partner here already, and suspended"),
            format!(
                "take that back with `foedus --as NAME partner resume {handle}`; or begin anew: {anew}"
            ),
        ),
        PartnerState::Replied | PartnerState::Accepted => (
            format!("{handle} waits here already, to become a partner"),
            format!("go on with that (`foedus partner show {handle}`); or begin anew: {anew}"),
        ),
        PartnerState::Disconnected => return None,
    };
    Some(Refusal {
        text,
        fix,
        ..Refusal::from(Reason::PartnerExists)
    })
}

pub(super) fn not_confirmed(seen: &Seen, partner: OrgId, refused: org::Refused) -> Refusal {
    match refused {
        org::Refused::Denied(Reason::WordsDiffer) => words_differ(seen, partner),
        org::Refused::Denied(Reason::PartnerNotWaiting) => not_waiting(seen, partner),
        refused => refused.into(),
    }
}

/// This is the moment at which somebody in between is found: what ends the pairing is named as it is typed.
pub(in crate::api) fn words_differ(seen: &Seen, partner: OrgId) -> Refusal {
    let refusal = Refusal::from(Reason::WordsDiffer);
    let Some(comparison) = seen.comparison(partner) else {
        return refusal;
    };
    let handle = seen.handle(partner);
    Refusal {
        text: format!("these are not the six words of the pairing with {handle}"),
        fix: format!(
            "compare them once more with {handle}'s administrator, by telephone. If theirs are others, somebody \
             stands between you; end it: `{}`",
            comparison.differ
        ),
        ..refusal
    }
}

fn not_waiting(seen: &Seen, partner: OrgId) -> Refusal {
    let refusal = Refusal::from(Reason::PartnerNotWaiting);
    let Some(known) = seen.state().partners().get(&partner) else {
        return refusal;
    };
    let handle = &known.handle;
    let (text, fix) = match known.state {
        PartnerState::Active => (
            format!("{handle} was approved here already"),
            format!("nothing is to be done; `foedus partner show {handle}` shows how it is"),
        ),
        PartnerState::Suspended => (
            format!("{handle} was approved here already, and is suspended"),
            format!("take that back with `foedus --as NAME partner resume {handle}`"),
        ),
        PartnerState::Disconnected => (
            format!("the peering with {handle} is over"),
            format!("invite it anew with `foedus --as NAME partner invite {handle}`"),
        ),
        PartnerState::Replied | PartnerState::Accepted => return refusal,
    };
    Refusal {
        text,
        fix,
        ..refusal
    }
}

impl From<AcceptInvitationError> for Refusal {
    fn from(error: AcceptInvitationError) -> Self {
        use AcceptInvitationError as E;
        let text = crate::runtime::chain(&error);
        match error {
            E::Invitation(invalid) => Self::malformed(
                "INVITATION_INVALID",
                format!("this is no invitation: {}", innermost(&invalid)),
                "copy it whole: it begins with `foedus-invitation-v1.`",
            ),
            E::Own => Self::malformed(
                "INVITATION_OWN",
                text,
                "send it to the administrator of the organisation that you invite",
            ),
            E::Refused(refused) => refused.into(),
            E::TooMany => Self::new(
                Code::ResourceExhausted,
                "INVITATIONS_TOO_MANY",
                text,
                "try again when those have ended; each may wait some minutes for an inviter that does not answer",
            ),
            E::OtherInviter => Self::new(
                Code::FailedPrecondition,
                "INVITER_DIFFERS",
                text,
                "ask the inviter for another invitation, by a way that you trust",
            ),
            E::RefusedByInviter => Self::new(
                Code::FailedPrecondition,
                "INVITER_REFUSED",
                text,
                "ask the inviter for another invitation. If the two of you were partners before, or are about to be, its \
                 administrator ends that first: `foedus --as NAME partner disconnect` with your handle",
            ),
            E::Closed(closed) => Self::new(
                Code::FailedPrecondition,
                match closed {
                    PairingRefusal::Used => Reason::InvitationUsed.id(),
                    PairingRefusal::Revoked => Reason::InvitationRevoked.id(),
                    PairingRefusal::Expired => Reason::InvitationExpired.id(),
                    PairingRefusal::Refused | PairingRefusal::Busy => "INVITER_REFUSED",
                },
                text,
                "ask the inviter for another invitation",
            ),
            E::Reply(_) => Self::internal("REPLY_FAILED", text),
        }
    }
}

impl From<PasteReplyError> for Refusal {
    fn from(error: PasteReplyError) -> Self {
        match error {
            PasteReplyError::Reply(invalid) => Self::malformed(
                "REPLY_INVALID",
                format!("this is no reply to an invitation: {}", innermost(&invalid)),
                "copy it whole: it begins with `foedus-reply-v1.`",
            ),
            PasteReplyError::Refused(refused) => refused.into(),
        }
    }
}

/// What is wrong with a pasted text in the end; what lies above says only of what kind it should have been.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
