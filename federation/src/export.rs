//! A channel's logs and what governs them in one text, which proves itself to whoever has it.
//!
//! [`ChannelExport`] names what has to be read and gives the lines; [`Verifier`] takes lines and
//! says what is genuine, what is not, and where. The form of a line is [`Line`]. What an export
//! carries is what others were given, or could be: nothing that is this organisation's own, such
//! as what the channel is called here, is known in this file.
//!
//! It must not know files, the API, or who asked.

use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::time::Timestamp;

use crate::key::VerifyingKey;
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::{Claimed, KeyName, NoteType, RefusedNote, SignedNote};
use crate::tree::Hash;

mod audit;
mod claims;
mod fault;
mod line;
mod log;
mod reader;
mod report;
mod verifier;

pub use audit::{AUDIT_FORMAT, AuditDigest, AuditLine, AuditReport, AuditShown, AuditVerifier};
pub use claims::Claims;
pub use fault::{Fault, Place, Wrong};
pub use line::{FIRST as CHANNEL_FORMAT, InvalidLine, Line};
pub use reader::{Bodies, ChannelExport};
pub use report::{Contents, Missing, Report};
pub use verifier::Verifier;

/// What the exporter signs at the end: everything that it exported is before it, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Who exported.
    pub org: OrgId,
    /// Which channel; none: the organisation's audit log.
    pub channel: Option<ChannelId>,
    /// When, by its clock.
    pub at: Timestamp,
    /// SHA-256 of everything before the line that holds this note.
    pub digest: Hash,
}

impl NoteType for Export {
    const TYPE: &'static str = "foedus/export/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            org,
            channel,
            at,
            digest,
        } = self;
        lines.field("org", org);
        lines.field("channel", channel);
        lines.field("at", at);
        lines.field("digest", digest);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            org: lines.field("org")?,
            channel: lines.field("channel")?,
            at: lines.field("at")?,
            digest: lines.field("digest")?,
        })
    }
}

/// What an exporter states, if `key` signed it and nothing else is under it: all that is in an
/// export is signed, lines of signatures included.
fn stated(claimed: Claimed<Export>, bytes: &[u8], key: &VerifyingKey) -> Result<Export, Wrong> {
    let name = claimed.claims().signer();
    let signed = claimed.verify(key);
    let signed = signed.map_err(|wrong| Wrong::Statement(RefusedNote::Signature(wrong)))?;
    let alone = SignedNote::parse(bytes).map(|note| note.under(name, key).into_bytes());
    match alone.is_ok_and(|alone| alone == bytes) {
        true => Ok(signed.note().clone()),
        false => Err(Wrong::StatementSignatures),
    }
}

#[cfg(test)]
mod tests;
