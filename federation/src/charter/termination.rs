//! Termination: the host ends the channel for all, at once.
//!
//! Knows nothing of what the charter says.

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use super::read_heads;
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::value::{LogHeadLine, LogHeads};
use crate::note::{KeyName, NoteType};

/// A host's word that the channel is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    /// Which channel.
    pub channel: ChannelId,
    /// Who ends it: the host.
    pub host: OrgId,
    /// The newest revision that it knows of.
    pub revision: NoteHash,
    /// Every log of the channel and up to where its words count.
    pub heads: LogHeads,
    /// When, by its clock.
    pub at: Timestamp,
}

impl NoteType for Termination {
    const TYPE: &'static str = "foedus/termination/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.host)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            channel,
            host,
            revision,
            heads,
            at,
        } = self;
        lines.field("channel", channel);
        lines.field("host", host);
        lines.field("revision", revision);
        lines.repeated("head", LogHeadLine::of(heads));
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            channel: lines.field("channel")?,
            host: lines.field("host")?,
            revision: lines.field("revision")?,
            heads: read_heads(lines, "head")?,
            at: lines.field("at")?,
        })
    }
}
