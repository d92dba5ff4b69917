//! Withdrawal: a participant leaves, alone and at once.
//!
//! Knows nothing of what the charter says.

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use super::read_heads;
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::value::{LogHeadLine, LogHeads};
use crate::note::{KeyName, NoteType};

/// A participant's word that it takes part no longer. It beats any revision in which its consent does
/// not name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which channel.
    pub channel: ChannelId,
    /// Who leaves.
    pub org: OrgId,
    /// The newest revision that it knows of.
    pub revision: NoteHash,
    /// Its own logs and where they end: up to here its words count.
    pub heads: LogHeads,
    /// When, by its clock.
    pub at: Timestamp,
}

impl NoteType for Withdrawal {
    const TYPE: &'static str = "foedus/withdrawal/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            channel,
            org,
            revision,
            heads,
            at,
        } = self;
        lines.field("channel", channel);
        lines.field("org", org);
        lines.field("revision", revision);
        lines.repeated("head", LogHeadLine::of(heads));
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            channel: lines.field("channel")?,
            org: lines.field("org")?,
            revision: lines.field("revision")?,
            heads: read_heads(lines, "head")?,
            at: lines.field("at")?,
        })
    }
}
