//! The invitation: one pasteable text that says who invites, where, until when and for what.
//!
//! It carries the inviter's identity, so that it can be answered also where the inviter can't be
//! dialled. The rest is not signed: who hands it over vouches for it, and the six words show whether
//! the keys were those.

use std::collections::BTreeSet;

use foedus_policy::id::ChannelId;
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::Capabilities;

use super::packed::{InvalidPacked, pack, unpack};
use super::{InvalidPaste, InvitationId, InvitationSecret, paste, unpaste};
use crate::bounds::{ENDPOINT_ADDRESSES_MAX, INVITATION_BYTES_MAX};
use crate::charter::read_capabilities;
use crate::identity::{Handle, IdentityChain};
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::value::FreeText;
use crate::record::EndpointAddress;

const PREFIX: &str = "foedus-invitation-v1.";
const TYPE: &str = "foedus/invitation/v1";

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who invites, with the keys and the name that it had when it invited.
    pub inviter: IdentityChain,
    /// Where the inviter can be dialled; nowhere if the reply goes back as text.
    pub addresses: BTreeSet<EndpointAddress>,
    /// What the invitee must know.
    pub secret: InvitationSecret,
    /// Until when a reply is taken.
    pub expires: Timestamp,
    /// Whom the inviter expects; anybody if none.
    pub expected: Option<Handle>,
    /// The channel that comes with it.
    pub offer: Option<Offer>,
}

/// A channel that an invitation announces, so that one approval covers partner and channel. The
/// charter itself follows over the link and must not say more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which channel.
    pub channel: ChannelId,
    /// What it is for.
    pub project: Option<FreeText>,
    /// When it ends by itself.
    pub end: Option<Timestamp>,
    /// What may be done in it.
    pub capabilities: Capabilities,
}

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvitation {
    /// The text did not arrive whole, or is another.
    #[error("not an invitation")]
    Paste(#[source] InvalidPaste),
    /// The text does not begin with the inviter's identity.
    #[error("not the parts of an invitation, or not the identity of an inviter")]
    Parts(#[source] InvalidPacked),
    /// Its content does not read.
    #[error("not the content of an invitation")]
    Text(#[from] InvalidText),
    /// Its content is not UTF-8.
    #[error("expected an invitation in UTF-8")]
    NotUtf8,
}

impl Invitation {
    /// The invitation's id.
    pub fn id(&self) -> InvitationId {
        self.secret.invitation_id()
    }

    /// The pasteable text. Too many long addresses or names make it too long.
    pub fn encode(&self) -> Result<String, InvalidInvitation> {
        self.offered()?;
        let pasted = paste(PREFIX, &self.payload());
        if pasted.len() > INVITATION_BYTES_MAX {
            return Err(InvalidInvitation::Paste(InvalidPaste::TooLong {
                expected_bytes_max: INVITATION_BYTES_MAX,
                found_bytes: pasted.len(),
            }));
        }
        Ok(pasted)
    }

    /// Reads a pasted text strictly and verifies the identity in it.
    pub fn parse(pasted: &str) -> Result<Self, InvalidInvitation> {
        let payload =
            unpaste(PREFIX, pasted, INVITATION_BYTES_MAX).map_err(InvalidInvitation::Paste)?;
        let (inviter, [text]) = unpack(&payload).map_err(InvalidInvitation::Parts)?;
        let text = std::str::from_utf8(text).map_err(|_error| InvalidInvitation::NotUtf8)?;
        Self::read(inviter, text)
    }

    /// What is written can be read: no value breaks the form.
    fn offered(&self) -> Result<(), InvalidInvitation> {
        Self::read(self.inviter.clone(), &self.to_text()).map(drop)
    }

    /// The payload of the pasteable text: the inviter's identity, then the lines.
    pub(crate) fn payload(&self) -> Vec<u8> {
        pack(&self.inviter, [self.to_text().as_bytes()])
    }

    /// The lines of the payload.
    pub(crate) fn to_text(&self) -> String {
        let Self {
            inviter: _,
            addresses,
            secret,
            expires,
            expected,
            offer,
        } = self;
        let mut lines = LineWriter::new(TYPE);
        lines.repeated("address", addresses.iter().cloned());
        lines.field("secret", secret);
        lines.field("expires", expires);
        lines.field("expected", expected);
        lines.field("offer", &offer.as_ref().map(|offer| offer.channel));
        if let Some(Offer {
            channel: _,
            project,
            end,
            capabilities,
        }) = offer
        {
            lines.field("project", project);
            lines.field("end", end);
            lines.repeated("capability", capabilities.iter());
        }
        lines.finish()
    }

    fn read(inviter: IdentityChain, text: &str) -> Result<Self, InvalidInvitation> {
        let mut lines = LineReader::open(text, TYPE)?;
        let invitation = Self {
            inviter,
            addresses: lines.set("address", ENDPOINT_ADDRESSES_MAX)?,
            secret: lines.field("secret")?,
            expires: lines.field("expires")?,
            expected: lines.field("expected")?,
            offer: match lines.field("offer")? {
                None => None,
                Some(channel) => Some(Offer {
                    channel,
                    project: lines.field("project")?,
                    end: lines.field("end")?,
                    capabilities: read_capabilities(&mut lines)?,
                }),
            },
        };
        lines.finish()?;
        if invitation.to_text() == text {
            Ok(invitation)
        } else {
            Err(InvalidText::Form.into())
        }
    }
}
