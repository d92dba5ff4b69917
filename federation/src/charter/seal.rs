//! Seal: the host's signature that puts a revision in force, and what makes it hold.
//!
//! Knows nothing of whether another seal exists for the same predecessor: that takes memory.

use std::collections::BTreeSet;

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use super::{Charter, Consent, InvalidCharter, consents_needed};
use crate::bounds::PARTICIPANTS_MAX;
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::{KeyName, NoteType, Verified};

/// A host's seal over one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Which channel.
    pub channel: ChannelId,
    /// The revision put in force.
    pub charter: NoteHash,
    /// The revision that it follows; none for the first.
    pub predecessor: Option<NoteHash>,
    /// Who seals.
    pub host: OrgId,
    /// The consents that it rests on.
    pub consents: BTreeSet<NoteHash>,
    /// When, by the host's clock.
    pub at: Timestamp,
}

impl NoteType for Seal {
    const TYPE: &'static str = "foedus/seal/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.host)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            channel,
            charter,
            predecessor,
            host,
            consents,
            at,
        } = self;
        lines.field("channel", channel);
        lines.field("charter", charter);
        lines.field("predecessor", predecessor);
        lines.field("host", host);
        lines.repeated("consent", consents.iter().copied());
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            channel: lines.field("channel")?,
            charter: lines.field("charter")?,
            predecessor: lines.field("predecessor")?,
            host: lines.field("host")?,
            consents: lines.set("consent", PARTICIPANTS_MAX)?,
            at: lines.field("at")?,
        })
    }
}

/// Why a seal does not put a revision in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeal {
    /// The revision may not stand where it does.
    #[error("the revision may not follow the one before")]
    Charter(#[source] InvalidCharter),
    /// The seal is for another channel, revision, predecessor or host.
    #[error("expected a seal over this very revision by its host")]
    OtherRevision,
    /// A consent that is not for this revision, or by somebody who takes no part.
    #[error("expected a consent to this very revision by a participant, found one by {org}")]
    OtherConsent {
        /// Whose consent it is.
        org: OrgId,
    },
    /// A consent that the seal cites is not there, or one is there that it does not cite.
    #[error("expected exactly the consents that the seal cites")]
    Consents,
    /// A consent that had run out when the seal was made.
    #[error("the consent of {org} had run out when the seal was made")]
    Late {
        /// Whose consent it is.
        org: OrgId,
    },
    /// Somebody whose consent is needed did not give it.
    #[error("expected the consent of {org}")]
    Missing {
        /// Whose consent is needed.
        org: OrgId,
    },
}

/// Evidence that a revision is in force after `previous`: a charter, the consents it needs, and
/// the seal. Only [`SealedCharter::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCharter {
    charter: Verified<Charter>,
    consents: Vec<Verified<Consent>>,
    seal: Verified<Seal>,
}

impl SealedCharter {
    /// Checks that `seal` puts `charter` in force after `previous`; with none, as the first.
    ///
    /// `previous` is a revision that is known to have been in force.
    pub fn verify(
        previous: Option<&Charter>,
        charter: Verified<Charter>,
        consents: Vec<Verified<Consent>>,
        seal: Verified<Seal>,
    ) -> Result<Self, InvalidSeal> {
        let (next, stated) = (charter.note(), seal.note());
        match previous {
            None => next.validate_first(),
            Some(previous) => next.validate_successor(previous),
        }
        .map_err(InvalidSeal::Charter)?;
        let same = stated.channel == next.channel
            && stated.charter == charter.hash()
            && stated.predecessor == next.predecessor
            && stated.host == next.host;
        if !same {
            return Err(InvalidSeal::OtherRevision);
        }
        for consent in &consents {
            check_consent(&charter, consent.note(), stated.at)?;
        }
        let given: BTreeSet<NoteHash> = consents.iter().map(Verified::hash).collect();
        if given != stated.consents {
            return Err(InvalidSeal::Consents);
        }
        let agreed: BTreeSet<OrgId> = consents.iter().map(|consent| consent.note().org).collect();
        match consents_needed(previous, next).difference(&agreed).next() {
            Some(org) => Err(InvalidSeal::Missing { org: *org }),
            None => Ok(Self {
                charter,
                consents,
                seal,
            }),
        }
    }

    /// The revision in force.
    pub const fn charter(&self) -> &Verified<Charter> {
        &self.charter
    }

    /// The consents that the seal cites.
    pub fn consents(&self) -> &[Verified<Consent>] {
        &self.consents
    }

    /// The seal.
    pub const fn seal(&self) -> &Verified<Seal> {
        &self.seal
    }

    /// Who agreed by it: the host by its seal, the others by the consents cited.
    pub fn agreed(&self) -> BTreeSet<OrgId> {
        let consents = self.consents.iter().map(|consent| consent.note().org);
        consents.chain([self.seal.note().host]).collect()
    }
}

fn check_consent(
    charter: &Verified<Charter>,
    consent: &Consent,
    sealed_at: Timestamp,
) -> Result<(), InvalidSeal> {
    let (next, org) = (charter.note(), consent.org);
    let same = consent.channel == next.channel
        && consent.charter == charter.hash()
        && consent.predecessor == next.predecessor
        && next.participants.contains_key(&org);
    if !same {
        return Err(InvalidSeal::OtherConsent { org });
    }
    if consent.good_until < sealed_at {
        return Err(InvalidSeal::Late { org });
    }
    Ok(())
}
