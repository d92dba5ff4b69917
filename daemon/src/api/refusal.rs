//! Refusals as callers see them: a gRPC status with a stable reason, the rule, and what to do.
//!
//! One type for all services; how each kind of "no" becomes one is said here and nowhere else.

use foedus_federation::channel;
use foedus_federation::damaged::Damaged;
use foedus_federation::kind::{Field, InvalidBody};
use foedus_federation::org;
use foedus_federation::steploop::Failure;
use foedus_policy::reason::{Reason, ReasonKind};
use foedus_proto::api::v1;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::bounds::api::STATUS_TEXT_BYTES_MAX;
use crate::runtime::chain;
use crate::store::StoreError;

/// A "no", and what would change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How the call ends.
    pub code: Code,
    /// Stable identifier in UPPER_SNAKE_CASE.
    pub reason: &'static str,
    /// What holds, in one sentence.
    pub text: String,
    /// What would change the answer.
    pub fix: String,
}

impl Refusal {
    /// A refusal in words of the API's own.
    pub fn new(
        code: Code,
        reason: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason,
            text: text.into(),
            fix: fix.into(),
        }
    }

    /// Something in the request is not of the form that it must have.
    pub fn malformed(
        reason: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(Code::InvalidArgument, reason, text, fix)
    }

    /// Something that the protocol names and this release does not do.
    pub fn not_yet(what: &str, fix: impl Into<String>) -> Self {
        Self::new(
            Code::Unimplemented,
            "NOT_IN_THIS_RELEASE",
            format!("this release has no {what}"),
            fix,
        )
    }

    /// What is stored can't be read, or something else that is nobody's fault who calls.
    pub fn internal(reason: &'static str, text: impl Into<String>) -> Self {
        Self::new(
            Code::Internal,
            reason,
            text,
            "ask the daemon's operator to look at its log",
        )
    }

    /// The daemon is about to end.
    pub fn stopping() -> Self {
        Self::new(
            Code::Unavailable,
            "STOPPING",
            "the daemon is stopping",
            "try again in a moment",
        )
    }

    /// The caller's time is over.
    pub fn deadline() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            "the time that the caller allowed is over",
            "allow more time",
        )
    }

    /// The same, for where it is no status of the whole call.
    pub fn to_message(&self) -> v1::Refusal {
        v1::Refusal {
            reason: self.reason.to_owned(),
            text: self.text.clone(),
            rule: self.reason.to_owned(),
            fix: self.fix.clone(),
            code: self.code.into(),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let Refusal {
            code,
            reason,
            mut text,
            fix,
        } = refusal;
        let mut end = text.len().min(STATUS_TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let metadata = [("rule", reason.to_owned()), ("fix", fix)];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value));
        Self::with_error_details(
            code,
            text,
            ErrorDetails::with_error_info(reason, "foedus", metadata),
        )
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let code = match reason.kind() {
            ReasonKind::Unauthenticated => Code::Unauthenticated,
            ReasonKind::Forbidden => Code::PermissionDenied,
            ReasonKind::Missing => Code::NotFound,
            ReasonKind::Exists => Code::AlreadyExists,
            ReasonKind::Malformed => Code::InvalidArgument,
            ReasonKind::Unmet => Code::FailedPrecondition,
            ReasonKind::Full => Code::ResourceExhausted,
        };
        // The rules say in one sentence what holds and what would change it.
        let remedy = reason.remedy().trim_end_matches('.');
        let (text, fix) = remedy
            .split_once(": ")
            .or_else(|| remedy.split_once("; "))
            .unwrap_or((remedy, ""));
        // As all errors, and after `error:`, it does not begin as a sentence does.
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let text: String = first.into_iter().chain(letters).collect();
        Self::new(code, reason.id(), text, fix)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let (code, reason, fix) = match failure {
            Failure::Conflict => (Code::Aborted, "CONFLICT", "try again"),
            Failure::DiskFull => (
                Code::ResourceExhausted,
                "DISK_FULL",
                "ask the daemon's operator to make room on its disk",
            ),
            Failure::Unknown => (
                Code::Unknown,
                "OUTCOME_UNKNOWN",
                "ask again with the same idempotency key",
            ),
            Failure::Damaged => (
                Code::DataLoss,
                "STORE_DAMAGED",
                "ask the daemon's operator to look at its log",
            ),
            Failure::Refused => (
                Code::ResourceExhausted,
                "CHANGE_TOO_LARGE",
                "ask for less at once",
            ),
        };
        Self::new(code, reason, failure.to_string(), fix)
    }
}

impl From<org::Refused> for Refusal {
    fn from(refused: org::Refused) -> Self {
        match refused {
            org::Refused::Denied(reason) => reason.into(),
            org::Refused::Failed(failure) => failure.into(),
        }
    }
}

impl From<channel::Refused> for Refusal {
    fn from(refused: channel::Refused) -> Self {
        use channel::Refused;
        let text = refused.to_string();
        let unmet =
            |reason, fix: &str| Self::new(Code::FailedPrecondition, reason, text.clone(), fix);
        match refused {
            Refused::Denied(reason) => reason.into(),
            Refused::Failed(failure) => failure.into(),
            Refused::KeyReused => Self::new(
                Code::AlreadyExists,
                "IDEMPOTENCY_KEY_REUSED",
                "this idempotency key was used for another request",
                "use a new one; to repeat a request that was cut off, repeat it exactly",
            ),
            Refused::NoSuchEntry => Self::new(
                Code::NotFound,
                "ENTRY_UNKNOWN",
                text,
                "`foedus history --refs` shows the references",
            ),
            Refused::NotAMessage => unmet("NOT_A_MESSAGE", "name a message"),
            Refused::NotTheAuthor => Self::new(
                Code::PermissionDenied,
                "NOT_THE_AUTHOR",
                text,
                "ask its author",
            ),
            Refused::Retracted => unmet("MESSAGE_RETRACTED", "write a new message"),
            Refused::NoSuchReaction => unmet("REACTION_MISSING", "nothing is to be done"),
            Refused::Ended(_) => unmet("CHANNEL_ENDED", "to go on, share a new channel"),
            Refused::NotCounted(_) => unmet(
                "CHARTER_NOT_AGREED",
                "approve the newest charter: `foedus request list` shows whether it waits",
            ),
            Refused::NotInChannel => Reason::NotInChannel.into(),
            Refused::TextTooLong { .. } => {
                Self::malformed("TEXT_TOO_LONG", text, "shorten it, or send it in parts")
            }
            Refused::TooMuch { .. } => {
                Self::malformed("TOO_MUCH_AT_ONCE", text, "send it in several requests")
            }
            Refused::Body(invalid) => invalid.into(),
        }
    }
}

impl From<InvalidBody> for Refusal {
    fn from(invalid: InvalidBody) -> Self {
        let text = invalid.to_string();
        let (reason, fix) = match invalid {
            InvalidBody::Empty { field: Field::Text } => ("TEXT_EMPTY", "say something"),
            InvalidBody::TooLong {
                field: Field::Text, ..
            } => ("TEXT_TOO_LONG", "shorten it, or send it in parts"),
            InvalidBody::Character { field: Field::Text } => {
                ("TEXT_INVALID", "leave out the NUL characters")
            }
            InvalidBody::Empty {
                field: Field::Emoji,
            }
            | InvalidBody::TooLong {
                field: Field::Emoji,
                ..
            }
            | InvalidBody::Character {
                field: Field::Emoji,
            } => ("EMOJI_INVALID", "give one emoji"),
            _ => ("ENTRY_INVALID", "leave out what the text names"),
        };
        Self::malformed(reason, text, fix)
    }
}

impl From<Damaged> for Refusal {
    fn from(damaged: Damaged) -> Self {
        tracing::error!(key = ?damaged.key, expected = damaged.expected, "what is stored can't be read");
        Self::from(Failure::Damaged)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // The commits say so; it opens by itself when there is room.
        if matches!(error, StoreError::OutOfSpace) {
            return Self {
                text: error.to_string(),
                ..Failure::DiskFull.into()
            };
        }
        tracing::error!(error = %chain(&error), "a read failed");
        Self::internal("STORE_UNREADABLE", "the store can't be read at present")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_what_holds_and_what_to_do() {
        for reason in Reason::ALL {
            let refusal = Refusal::from(*reason);
            assert!(!refusal.text.is_empty(), "{reason:?}");
            let status = Status::from(refusal.clone());
            let info = status.get_details_error_info().expect("it has details");
            assert_eq!(
                (info.reason.as_str(), info.domain.as_str()),
                (reason.id(), "foedus")
            );
            assert_eq!(info.metadata["rule"], reason.id());
            assert_eq!(info.metadata["fix"], refusal.fix);
            assert!(!refusal.fix.is_empty(), "{reason:?}");
        }
        let refusal = Refusal::from(Reason::MemberNeeded);
        assert_eq!(refusal.text, "this is done in a member's name");
        assert!(refusal.fix.starts_with("name one with"));
        let refusal = Refusal::from(Reason::NotAdministrator);
        assert_eq!(refusal.text, "only an administrator can do this");
    }

    #[test]
    fn a_store_that_waits_for_room_is_told_as_a_full_disk() {
        let refusal = Refusal::from(StoreError::OutOfSpace);
        assert_eq!(refusal.reason, "DISK_FULL");
        assert!(refusal.text.contains("disk space") && refusal.fix.contains("make room"));
        let refusal = Refusal::from(StoreError::Stopped);
        assert_eq!(refusal.reason, "STORE_UNREADABLE");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ü".repeat(STATUS_TEXT_BYTES_MAX);
        let status = Status::from(Refusal::malformed("X", long, ""));
        assert_eq!(status.message().len(), STATUS_TEXT_BYTES_MAX);
    }
}
