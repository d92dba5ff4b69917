//! What callers are told when an invitation or a reply to one was not taken.

use foedus_federation::transport::PairingRefusal;
use foedus_policy::reason::Reason;
use tonic::Code;

use crate::api::refusal::Refusal;
use crate::runtime::{AcceptInvitationError, PasteReplyError};

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
                "ask the inviter for another invitation",
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
