//! The body of an audit entry: an event of the policy, with the time at which it was noted.
//!
//! An audit log outlives the release that wrote it, so everything in it is text: what is read
//! back says what was noted then, whether or not this release still knows such an act or rule.
//! Must not know how entries are kept or proved.

use foedus_policy::action::Actor;
use foedus_policy::audit::{AuditEvent, AuditOutcome};
use foedus_policy::time::Timestamp;
use tls_codec::{
    DeserializeBytes, Serialize, TlsDeserializeBytes, TlsSerialize, TlsSize, TlsVecU16,
};

use super::field::{InvalidField, Text, text, utf8};
use crate::bounds::{
    AUDIT_BODY_BYTES_MAX, AUDIT_DETAIL_BYTES_MAX, AUDIT_DETAILS_COUNT_MAX, AUDIT_NAME_BYTES_MAX,
    AUDIT_OBJECT_BYTES_MAX,
};

const VERSION: u8 = 1;

/// What stands at the end of a text that was too long.
const CUT: &str = "…";

// Version, time, the lengths of texts and lists: 64 bytes are enough for all but the details.
const _: () = assert!(
    64 + 3 * AUDIT_NAME_BYTES_MAX
        + AUDIT_OBJECT_BYTES_MAX
        + AUDIT_DETAILS_COUNT_MAX * (4 + AUDIT_NAME_BYTES_MAX + AUDIT_DETAIL_BYTES_MAX)
        <= AUDIT_BODY_BYTES_MAX
);

/// How an act ended, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Denied {
        /// By the rule of this name.
        reason: String,
    },
}

/// One line of the audit log, as it was noted. Its texts are as somebody typed or sent them:
/// whoever shows them escapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// When.
    pub at: Timestamp,
    /// Who: `mem_…`, `operator 1000`, `operator 1000 as mem_…`, `org_…` or `system`.
    pub actor: String,
    /// What: noun and verb.
    pub verb: String,
    /// To what; empty where there is no one thing.
    pub object: String,
    /// How it ended.
    pub outcome: StoredOutcome,
    /// What else is worth knowing, by name.
    pub details: Vec<(String, String)>,
}

/// Why bytes are no body of an audit entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAudit {
    /// Longer than any that is written.
    #[error("expected at most {AUDIT_BODY_BYTES_MAX} bytes of an audit entry, found {found}")]
    TooLong {
        /// How many bytes there are.
        found: usize,
    },
    /// Empty.
    #[error("expected an audit entry, found nothing")]
    Empty,
    /// A format that this release does not know.
    #[error(
        "expected format version {VERSION} of an audit entry, found {found}: \
         it was written by another version of foedusd, or is damaged"
    )]
    Version {
        /// The version found.
        found: u8,
    },
    /// Laid out in another way.
    #[error("expected an audit entry")]
    Layout(#[source] tls_codec::Error),
    /// A field that is no text.
    #[error("expected an audit entry")]
    Field(#[source] InvalidField),
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
enum OutcomeRow {
    #[tls_codec(discriminant = 1)]
    Done,
    #[tls_codec(discriminant = 2)]
    Denied { reason: Text },
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct DetailRow {
    name: Text,
    value: Text,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct AuditRow {
    at: u64,
    actor: Text,
    verb: Text,
    object: Text,
    outcome: OutcomeRow,
    details: TlsVecU16<DetailRow>,
}

/// The body of the audit entry for an event that was noted at `at`: at most
/// `AUDIT_BODY_BYTES_MAX` bytes, since texts that are too long are cut, and end in `…` then.
pub fn audit_value(event: &AuditEvent, at: Timestamp) -> Vec<u8> {
    let AuditEvent {
        actor,
        verb,
        object,
        outcome,
        details,
    } = event;
    let outcome = match outcome {
        AuditOutcome::Done => OutcomeRow::Done,
        AuditOutcome::Denied(reason) => OutcomeRow::Denied {
            reason: cut(reason.id(), AUDIT_NAME_BYTES_MAX),
        },
    };
    let row = AuditRow {
        at: at.0,
        actor: text(&actor_text(actor)),
        verb: cut(verb, AUDIT_NAME_BYTES_MAX),
        object: cut(object, AUDIT_OBJECT_BYTES_MAX),
        outcome,
        details: detail_rows(details).into(),
    };
    let mut body = vec![VERSION];
    row.tls_serialize(&mut body)
        .expect("texts that were cut are shorter than what the length of a vector can say");
    assert!(
        body.len() <= AUDIT_BODY_BYTES_MAX,
        "the limits of the parts keep the whole within its limit"
    );
    body
}

/// What the body of an audit entry says.
pub fn read_audit(body: &[u8]) -> Result<StoredAudit, InvalidAudit> {
    if body.len() > AUDIT_BODY_BYTES_MAX {
        return Err(InvalidAudit::TooLong { found: body.len() });
    }
    let rest = match body.split_first() {
        Some((&VERSION, rest)) => rest,
        Some((found, _)) => return Err(InvalidAudit::Version { found: *found }),
        None => return Err(InvalidAudit::Empty),
    };
    let row = AuditRow::tls_deserialize_exact_bytes(rest).map_err(InvalidAudit::Layout)?;
    read_row(&row).map_err(InvalidAudit::Field)
}

fn read_row(row: &AuditRow) -> Result<StoredAudit, InvalidField> {
    let AuditRow {
        at,
        actor,
        verb,
        object,
        outcome,
        details,
    } = row;
    let outcome = match outcome {
        OutcomeRow::Done => StoredOutcome::Done,
        OutcomeRow::Denied { reason } => StoredOutcome::Denied {
            reason: utf8("reason", reason)?,
        },
    };
    let detail = |DetailRow { name, value }: &DetailRow| {
        let (name, value) = (utf8("detail's name", name)?, utf8("detail", value)?);
        Ok::<_, InvalidField>((name, value))
    };
    Ok(StoredAudit {
        at: Timestamp(*at),
        actor: utf8("actor", actor)?,
        verb: utf8("verb", verb)?,
        object: utf8("object", object)?,
        outcome,
        details: details.iter().map(detail).collect::<Result<_, _>>()?,
    })
}

/// Who acts, as the audit log names them.
pub(crate) fn actor_text(actor: &Actor) -> String {
    match actor {
        Actor::Operator {
            uid,
            as_member: None,
        } => format!("operator {uid}"),
        Actor::Operator {
            uid,
            as_member: Some(member),
        } => format!("operator {uid} as {member}"),
        // What the token was good for is in the reason, where it was not good enough.
        Actor::Member { member, scopes: _ } => member.to_string(),
        Actor::Partner(org) => org.to_string(),
        Actor::System => "system".to_owned(),
    }
}

fn detail_rows(details: &[(&str, String)]) -> Vec<DetailRow> {
    let row = |name: &str, value: &str| DetailRow {
        name: cut(name, AUDIT_NAME_BYTES_MAX),
        value: cut(value, AUDIT_DETAIL_BYTES_MAX),
    };
    let kept = if details.len() > AUDIT_DETAILS_COUNT_MAX {
        AUDIT_DETAILS_COUNT_MAX - 1
    } else {
        details.len()
    };
    let mut rows: Vec<DetailRow> = details[..kept]
        .iter()
        .map(|(name, value)| row(name, value))
        .collect();
    if kept < details.len() {
        rows.push(row("omitted", &(details.len() - kept).to_string()));
    }
    rows
}

fn cut(whole: &str, bytes_max: usize) -> Text {
    if whole.len() <= bytes_max {
        return text(whole);
    }
    let end = (0..=bytes_max - CUT.len())
        .rev()
        .find(|end| whole.is_char_boundary(*end))
        .expect("every text has a boundary at its beginning");
    text(&format!("{}{CUT}", &whole[..end]))
}

#[cfg(test)]
mod tests;
