//! Charters: the agreement that governs one shared channel, in numbered revisions.
//!
//! What a revision says, which revision may follow which, and what it changes. Who agreed, and
//! what that means for an entry, is decided by the channel's machine.

use std::collections::{BTreeMap, BTreeSet};

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, AuthorKind, AuthorKinds, Capabilities, Capability};

use crate::bounds::{CUSTOM_NAMES_MAX, NOTE_LOG_HEADS_MAX, PARTICIPANTS_MAX, TEXT_BYTES_MAX};
use crate::kind::CustomName;
use crate::note::lines::{InvalidText, LineReader, LineWriter, Value};
use crate::note::value::{FreeText, LogHeadLine, LogHeads, choices, printed_values};
use crate::note::{KeyName, NoteType};

mod change;
mod consent;
mod seal;
mod termination;
mod withdrawal;

pub use change::{Aspect, Change, consents_needed};
pub use consent::Consent;
pub use seal::{InvalidSeal, Seal, SealedCharter};
pub use termination::Termination;
pub use withdrawal::Withdrawal;

#[cfg(test)]
mod tests;

/// The format of charters and entries that this version writes and understands.
pub const FORMAT: u16 = 1;

choices!(
    /// What happens to the history when the channel ends.
    AtEnd, "`keep` or `erase`",
    {
        /// It stays readable.
        Keep = "keep",
        /// Each side erases it.
        Erase = "erase",
    }
);

choices!(
    /// What happens to direct messages under this channel when it ends.
    DirectAtEnd, "`keep` or `close`",
    {
        /// They stay readable.
        Keep = "keep",
        /// They close.
        Close = "close",
    }
);

choices!(
    /// What a participant that joins later may read.
    Newcomers, "`all` or `from-join`",
    {
        /// The whole history.
        All = "all",
        /// What is written from the revision on that names it.
        FromJoin = "from-join",
    }
);

choices!(
    /// Whose yes a revision needs that adds something.
    Admission, "`all` or `host`",
    {
        /// Every participant's.
        All = "all",
        /// The host's, and that of those who are new.
        Host = "host",
    }
);

printed_values! {
    CustomName, "the name of a custom event";
}

/// One revision of a charter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// Which channel.
    pub channel: ChannelId,
    /// The 16 random bytes in the channel's id, so that anybody can check it.
    pub nonce: [u8; 16],
    /// From 1.
    pub number: u64,
    /// The revision before; none for the first.
    pub predecessor: Option<NoteHash>,
    /// Format of the charter and of the entries written under it.
    pub format: u16,
    /// Who seals revisions.
    pub host: OrgId,
    /// Who takes part, the host included, and what each may do.
    pub participants: BTreeMap<OrgId, Access>,
    /// What may be done in the channel.
    pub capabilities: Capabilities,
    /// Which kinds of authors may write.
    pub kinds: AuthorKinds,
    /// The custom events that may be sent. Empty exactly if capability `custom` is not granted.
    pub custom: BTreeSet<CustomName>,
    /// What it is for.
    pub project: Option<FreeText>,
    /// When the channel ends by itself.
    pub end: Option<Timestamp>,
    /// What then happens to the history.
    pub at_end: AtEnd,
    /// What then happens to direct messages.
    pub direct_at_end: DirectAtEnd,
    /// What those who join later may read.
    pub newcomers: Newcomers,
    /// The largest text of one message.
    pub text_bytes: u32,
    /// Whose yes an addition needs.
    pub admission: Admission,
    /// Up to where the words of those count whom this revision removes or narrows, or of all if it
    /// shortens.
    pub finals: LogHeads,
}

/// Why a text is no charter, or a charter may not stand where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCharter {
    /// The lines do not read.
    #[error("not the text of a charter")]
    Text(#[from] InvalidText),
    /// A format that this version does not know.
    #[error("expected format {FORMAT}, found {found}")]
    Format {
        /// The format named.
        found: u16,
    },
    /// The host takes no part, or not fully.
    #[error("expected the host among the participants with full access")]
    Host,
    /// Custom events without the capability, or the other way round.
    #[error("expected names of custom events exactly if capability `custom` is granted")]
    Custom,
    /// A limit outside what can be kept.
    #[error("expected a limit of 1 to {TEXT_BYTES_MAX} bytes of text, found {found_bytes}")]
    TextBytes {
        /// The limit named.
        found_bytes: u32,
    },
    /// The first revision has number 1 and no predecessor, and no other has.
    #[error("expected number 1 and no predecessor, or a later number and a predecessor")]
    Numbering,
    /// The first revision states final heads: of whom?
    #[error("expected no final heads in a first revision")]
    FinalsInFirst,
    /// The id is not the hash of host and nonce.
    #[error("expected the channel's id to be the hash of host and nonce")]
    ChannelId,
    /// Not the number after the predecessor's.
    #[error("expected revision number {expected}, found {found}")]
    Number {
        /// The number after the predecessor's.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// Names another predecessor.
    #[error("expected predecessor {expected}")]
    Predecessor {
        /// The revision that it should follow.
        expected: NoteHash,
    },
    /// Of another channel than its predecessor, or with another nonce.
    #[error("expected a revision for the same channel")]
    OtherChannel,
    /// Names another host than its predecessor.
    #[error("expected the same host")]
    OtherHost,
    /// A lower format than its predecessor's.
    #[error("expected at least format {expected_min}, found {found}")]
    OlderFormat {
        /// The predecessor's format.
        expected_min: u16,
        /// The format found.
        found: u16,
    },
    /// Final heads of an organisation that took no part before.
    #[error("expected final heads of participants of the revision before, found {org}")]
    Finals {
        /// Whose log is named.
        org: OrgId,
    },
}

/// The channel that `host` opens with `nonce`: SHA-256(`"foedus/channel/v1\n"` ‖ host ‖ nonce).
pub fn channel_id(host: &OrgId, nonce: &[u8; 16]) -> ChannelId {
    foedus_policy::secret::channel_id(*host, nonce)
}

impl Charter {
    /// Whether this may be the first revision of its channel.
    pub fn validate_first(&self) -> Result<(), InvalidCharter> {
        self.validate()?;
        if self.number != 1 {
            return Err(InvalidCharter::Number {
                expected: 1,
                found: self.number,
            });
        }
        if channel_id(&self.host, &self.nonce) != self.channel {
            return Err(InvalidCharter::ChannelId);
        }
        Ok(())
    }

    /// Whether this may follow `previous`. Whose consent it needs is another question.
    pub fn validate_successor(&self, previous: &Self) -> Result<(), InvalidCharter> {
        self.validate()?;
        if self.channel != previous.channel || self.nonce != previous.nonce {
            return Err(InvalidCharter::OtherChannel);
        }
        let expected = previous.number.saturating_add(1);
        if self.number != expected {
            return Err(InvalidCharter::Number {
                expected,
                found: self.number,
            });
        }
        let expected = previous.hash();
        if self.predecessor != Some(expected) {
            return Err(InvalidCharter::Predecessor { expected });
        }
        if self.host != previous.host {
            return Err(InvalidCharter::OtherHost);
        }
        if self.format < previous.format {
            return Err(InvalidCharter::OlderFormat {
                expected_min: previous.format,
                found: self.format,
            });
        }
        let mut origins = self.finals.keys().map(|(org, _incarnation)| *org);
        match origins.find(|org| !previous.participants.contains_key(org)) {
            Some(org) => Err(InvalidCharter::Finals { org }),
            None => Ok(()),
        }
    }

    /// What holds for every revision by itself. Reading a charter checks it too.
    fn validate(&self) -> Result<(), InvalidCharter> {
        if self.format != FORMAT {
            return Err(InvalidCharter::Format { found: self.format });
        }
        if self.participants.get(&self.host) != Some(&Access::Full) {
            return Err(InvalidCharter::Host);
        }
        if self.participants.len() > PARTICIPANTS_MAX {
            let count_max = PARTICIPANTS_MAX;
            return Err(InvalidText::TooMany {
                name: "participant",
                count_max,
            }
            .into());
        }
        if self.custom.is_empty() == self.capabilities.contains(Capability::Custom) {
            return Err(InvalidCharter::Custom);
        }
        if !(1..=TEXT_BYTES_MAX).contains(&self.text_bytes) {
            return Err(InvalidCharter::TextBytes {
                found_bytes: self.text_bytes,
            });
        }
        if self.number == 0 || (self.number == 1) != self.predecessor.is_none() {
            return Err(InvalidCharter::Numbering);
        }
        if self.number == 1 && !self.finals.is_empty() {
            return Err(InvalidCharter::FinalsInFirst);
        }
        Ok(())
    }
}

impl NoteType for Charter {
    const TYPE: &'static str = "foedus/charter/v1";
    type Invalid = InvalidCharter;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.host)
    }

    fn write(&self, lines: &mut LineWriter) {
        lines.field("channel", &self.channel);
        lines.field("nonce", &self.nonce);
        lines.field("number", &self.number);
        lines.field("predecessor", &self.predecessor);
        lines.field("format", &self.format);
        lines.field("host", &self.host);
        let participants = self.participants.iter();
        lines.repeated(
            "participant",
            participants.map(|(org, access)| Participant {
                org: *org,
                access: *access,
            }),
        );
        lines.repeated("capability", self.capabilities.iter());
        lines.repeated("kind", self.kinds.iter());
        lines.repeated("custom", self.custom.iter().cloned());
        lines.field("project", &self.project);
        lines.field("end", &self.end);
        lines.field("at-end", &self.at_end);
        lines.field("direct-at-end", &self.direct_at_end);
        lines.field("newcomers", &self.newcomers);
        lines.field("text-bytes", &self.text_bytes);
        lines.field("admission", &self.admission);
        lines.repeated("final", LogHeadLine::of(&self.finals));
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidCharter> {
        let charter = Self {
            channel: lines.field("channel")?,
            nonce: lines.field("nonce")?,
            number: lines.field("number")?,
            predecessor: lines.field("predecessor")?,
            format: lines.field("format")?,
            host: lines.field("host")?,
            participants: lines
                .sorted("participant", PARTICIPANTS_MAX, |line: &Participant| {
                    line.org
                })?
                .into_iter()
                .map(|line| (line.org, line.access))
                .collect(),
            capabilities: read_capabilities(lines)?,
            kinds: lines
                .set::<AuthorKind>("kind", AuthorKind::ALL.len())?
                .into_iter()
                .collect(),
            custom: lines.set("custom", CUSTOM_NAMES_MAX)?,
            project: lines.field("project")?,
            end: lines.field("end")?,
            at_end: lines.field("at-end")?,
            direct_at_end: lines.field("direct-at-end")?,
            newcomers: lines.field("newcomers")?,
            text_bytes: lines.field("text-bytes")?,
            admission: lines.field("admission")?,
            finals: read_heads(lines, "final")?,
        };
        charter.validate()?;
        Ok(charter)
    }
}

/// The lines `capability`, sorted.
pub(crate) fn read_capabilities(lines: &mut LineReader<'_>) -> Result<Capabilities, InvalidText> {
    let set = lines.set::<Capability>("capability", Capability::ALL.len())?;
    Ok(set.into_iter().collect())
}

/// The lines `name` of heads of logs, sorted by origin and incarnation.
pub(crate) fn read_heads(
    lines: &mut LineReader<'_>,
    name: &'static str,
) -> Result<LogHeads, InvalidText> {
    let heads = lines.sorted(name, NOTE_LOG_HEADS_MAX, |line: &LogHeadLine| line.log)?;
    Ok(heads
        .into_iter()
        .map(|line| (line.log, line.head))
        .collect())
}

/// One line `participant`: who, and with which access.
struct Participant {
    org: OrgId,
    access: Access,
}

impl Value for Participant {
    const EXPECTED: &'static str = "an organisation and `full`, `post-only` or `read-only`";

    fn read(text: &str) -> Option<Self> {
        let (org, access) = text.split_once(' ')?;
        Some(Self {
            org: Value::read(org)?,
            access: Value::read(access)?,
        })
    }

    fn write(&self, out: &mut String) {
        self.org.write(out);
        out.push(' ');
        self.access.write(out);
    }
}
