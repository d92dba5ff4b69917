//! The reply to an invitation: a signed note that binds the secret to both root keys, and the text
//! that carries it with the invitee's identity.
//!
//! Knows nothing of whether the invitation is still open; the organisation's machine does.

use foedus_policy::id::OrgId;
use foedus_policy::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::packed::{InvalidPacked, pack, unpack};
use super::{InvalidPaste, InvitationId, InvitationSecret, paste, unpaste};
use crate::bounds::INVITATION_REPLY_BYTES_MAX;
use crate::identity::IdentityChain;
use crate::key::VerifyingKey;
use crate::note::lines::{InvalidText, LineReader, LineWriter};
use crate::note::{KeyName, NoteType, RefusedNote, Verified, verify};
use crate::record::Endpoints;

const PREFIX: &str = "foedus-reply-v1.";

/// What an invitee answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationReply {
    /// Which invitation.
    pub invitation: InvitationId,
    /// Who invited.
    pub inviter: OrgId,
    /// The inviter's root key, as the invitee saw it.
    pub inviter_root: VerifyingKey,
    /// Who answers.
    pub invitee: OrgId,
    /// The invitee's root key.
    pub invitee_root: VerifyingKey,
    /// What only somebody who knows the secret can compute: [`reply_proof`].
    pub proof: [u8; 32],
    /// When, by the invitee's clock.
    pub at: Timestamp,
}

/// HMAC-SHA-256 under the secret over `"foedus/invitation-reply/v1\n"` ‖ inviter's root ‖ invitee's
/// root.
pub fn reply_proof(
    secret: &InvitationSecret,
    inviter_root: &VerifyingKey,
    invitee_root: &VerifyingKey,
) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("any length is a key");
    mac.update(b"foedus/invitation-reply/v1\n");
    mac.update(inviter_root.as_bytes());
    mac.update(invitee_root.as_bytes());
    mac.finalize().into_bytes().into()
}

impl NoteType for InvitationReply {
    const TYPE: &'static str = "foedus/invitation-reply/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Sign(self.invitee)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            invitation,
            inviter,
            inviter_root,
            invitee,
            invitee_root,
            proof,
            at,
        } = self;
        lines.field("invitation", invitation);
        lines.field("inviter", inviter);
        lines.field("inviter-root", inviter_root);
        lines.field("invitee", invitee);
        lines.field("invitee-root", invitee_root);
        lines.field("proof", proof);
        lines.field("at", at);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            invitation: lines.field("invitation")?,
            inviter: lines.field("inviter")?,
            inviter_root: lines.field("inviter-root")?,
            invitee: lines.field("invitee")?,
            invitee_root: lines.field("invitee-root")?,
            proof: lines.field("proof")?,
            at: lines.field("at")?,
        })
    }
}

/// Why a reply is refused before anybody looks at the invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReply {
    /// The text did not arrive whole, or is another.
    #[error("not a reply to an invitation")]
    Paste(#[source] InvalidPaste),
    /// The text does not begin with the invitee's identity.
    #[error("not the parts of a reply, or not the identity of an invitee")]
    Parts(#[source] InvalidPacked),
    /// The endpoints are not the invitee's.
    #[error("the invitee's endpoints are not valid")]
    Endpoints(#[source] RefusedNote<InvalidText>),
    /// The reply is not the invitee's.
    #[error("the reply is not valid")]
    Reply(#[source] RefusedNote<InvalidText>),
    /// The reply or the endpoints name another organisation, or another root key.
    #[error("expected reply and endpoints of the organisation whose identity comes with them")]
    OtherOrg,
}

/// A reply with the invitee's identity and endpoints, all verified as the invitee's. Whether the
/// invitee knows the secret is not: [`PairingReply::prove`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingReply {
    identity: IdentityChain,
    endpoints: Verified<Endpoints>,
    reply: Verified<InvitationReply>,
}

impl PairingReply {
    /// Verifies notes as the invitee's: they are of one organisation and by its keys.
    pub fn verify(
        identity: IdentityChain,
        endpoints: &[u8],
        reply: &[u8],
    ) -> Result<Self, InvalidReply> {
        let sign = &identity.current().sign;
        let endpoints = verify::<Endpoints>(endpoints, sign).map_err(InvalidReply::Endpoints)?;
        let reply = verify::<InvitationReply>(reply, sign).map_err(InvalidReply::Reply)?;
        let same = endpoints.note().org == identity.org()
            && reply.note().invitee == identity.org()
            && reply.note().invitee_root == identity.current().root;
        if same {
            Ok(Self {
                identity,
                endpoints,
                reply,
            })
        } else {
            Err(InvalidReply::OtherOrg)
        }
    }

    /// The text that an administrator can paste where the inviter can't be dialled: the invitee's
    /// identity, its endpoints, the reply.
    pub fn encode(&self) -> Result<String, InvalidReply> {
        let parts = [self.endpoints.bytes(), self.reply.bytes()];
        let pasted = paste(PREFIX, &pack(&self.identity, parts));
        if pasted.len() > INVITATION_REPLY_BYTES_MAX {
            return Err(InvalidReply::Paste(InvalidPaste::TooLong {
                expected_bytes_max: INVITATION_REPLY_BYTES_MAX,
                found_bytes: pasted.len(),
            }));
        }
        Ok(pasted)
    }

    /// Reads and verifies a pasted text.
    pub fn parse(pasted: &str) -> Result<Self, InvalidReply> {
        let payload =
            unpaste(PREFIX, pasted, INVITATION_REPLY_BYTES_MAX).map_err(InvalidReply::Paste)?;
        let (identity, [endpoints, reply]) = unpack(&payload).map_err(InvalidReply::Parts)?;
        Self::verify(identity, endpoints, reply)
    }

    /// Who answers, with proof.
    pub const fn identity(&self) -> &IdentityChain {
        &self.identity
    }

    /// Where the invitee can be dialled.
    pub const fn endpoints(&self) -> &Verified<Endpoints> {
        &self.endpoints
    }

    /// The reply.
    pub const fn reply(&self) -> &Verified<InvitationReply> {
        &self.reply
    }

    /// Checks, as the inviter, that the reply is to the invitation with `secret` and that who sent
    /// it knows the secret. The comparison takes the same time whatever is wrong.
    pub fn prove(
        self,
        secret: &InvitationSecret,
        inviter: &IdentityChain,
    ) -> Result<ProvedReply, InvalidProof> {
        let note = self.reply.note();
        let root = &inviter.current().root;
        let proof = reply_proof(secret, root, &note.invitee_root);
        let same = proof.ct_eq(&note.proof)
            & secret.invitation_id().0.ct_eq(&note.invitation.0)
            & root.as_bytes().ct_eq(note.inviter_root.as_bytes())
            & inviter.org().0.ct_eq(&note.inviter.0);
        if bool::from(same) {
            Ok(ProvedReply(self))
        } else {
            Err(InvalidProof)
        }
    }
}

/// The reply does not prove that the invitee knows the secret. It does not say what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a reply by somebody who knows the invitation's secret")]
pub struct InvalidProof;

/// Evidence that an invitee answered an invitation of ours and knows its secret. Only
/// [`PairingReply::prove`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedReply(PairingReply);

impl ProvedReply {
    /// The reply.
    pub const fn reply(&self) -> &PairingReply {
        &self.0
    }
}
