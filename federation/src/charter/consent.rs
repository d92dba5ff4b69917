//! Consent: a participant's signed yes to one revision.
//!
//! Knows nothing of what the revision says.

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::{KeyName, NoteType};

/// A yes to exactly one text after exactly one predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Which channel.
    pub channel: ChannelId,
    /// The revision agreed to.
    pub charter: NoteHash,
    /// The revision that it follows; none for the first.
    pub predecessor: Option<NoteHash>,
    /// The newest withdrawal of the same organisation from the same channel, if it comes back after
    /// one: a consent from before it does not bring it back.
    pub withdrawal: Option<NoteHash>,
    /// Who agrees.
    pub org: OrgId,
    /// Until when a seal may use it.
    pub good_until: Timestamp,
}

impl NoteType for Consent {
    const TYPE: &'static str = "foedus/consent/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            channel,
            charter,
            predecessor,
            withdrawal,
            org,
            good_until,
        } = self;
        lines.field("channel", channel);
        lines.field("charter", charter);
        lines.field("predecessor", predecessor);
        lines.field("withdrawal", withdrawal);
        lines.field("org", org);
        lines.field("good-until", good_until);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            channel: lines.field("channel")?,
            charter: lines.field("charter")?,
            predecessor: lines.field("predecessor")?,
            withdrawal: lines.field("withdrawal")?,
            org: lines.field("org")?,
            good_until: lines.field("good-until")?,
        })
    }
}
