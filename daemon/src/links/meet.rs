//! Finding a partner again whose keys are others than we know, or that does not know ours: each says who it is over a
//! connection for pairing, and the link is dialled again.
//!
//! Knows nothing of invitations. That one's own end renewed its keys, or the other's, is all the same here.

use foedus_federation::identity::{Extension, IdentityChain};
use foedus_federation::key::VerifyingKey;
use foedus_federation::transport::pairing::identify;
use foedus_federation::transport::tls::Tls;
use foedus_federation::transport::{DialError, PairError, Reach};
use foedus_policy::id::OrgId;

use crate::bounds::PAIRING_TIMEOUT;
use crate::runtime::Runtime;

/// Why nobody was met.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeetError {
    /// The connection, or one of its calls.
    #[error(transparent)]
    Pairing(#[from] PairError),
    /// Whoever answers there is not the partner by anything that it once said.
    #[error("who answers is not the partner")]
    Stranger,
}

/// Whether one of the two may not know the newest key of the other: somebody answered, and there was no link.
pub(super) fn may_be_keys(error: &DialError) -> bool {
    match error {
        DialError::WrongKey
        | DialError::Refused
        | DialError::Handshake(_)
        | DialError::Http(_)
        | DialError::Call(_) => true,
        DialError::OutOfReach(_)
        | DialError::Connect(_)
        | DialError::Configuration(_)
        | DialError::NoCall
        | DialError::Timeout => false,
    }
}

/// Asks whoever answers at `address` who it is. If it is the partner, by the identity that we hold of it, what is newer
/// of that is kept, and it is told who we are.
pub(super) async fn meet(
    runtime: &Runtime,
    tls: &Tls,
    reach: Reach,
    partner: OrgId,
    address: &str,
) -> Result<(), MeetError> {
    let snapshot = runtime.snapshot();
    let known = snapshot.identity(partner).ok_or(MeetError::Stranger)?;
    let found = identify(tls, reach, address, PAIRING_TIMEOUT).await?;
    let (connection, identity) = found.verify(|notes, key| is_partner(&known, notes, key))?;
    runtime.hear_of(identity);
    let ours = snapshot.org().and_then(|us| snapshot.identity_bytes(us));
    connection.announce(ours.unwrap_or_default()).await?;
    Ok(())
}

/// The chain is the partner's, continues what we hold of it, and certifies the key that the connection proved.
fn is_partner(
    known: &IdentityChain,
    notes: &[Vec<u8>],
    key: VerifyingKey,
) -> Result<IdentityChain, MeetError> {
    let found = IdentityChain::verify(notes.iter().map(Vec::as_slice));
    let found = found.map_err(|_| MeetError::Stranger)?;
    let newest = match known.merge(&found) {
        Ok(Extension::Newer(newer)) => newer,
        Ok(Extension::Nothing) => known.clone(),
        // Two texts under one serial are evidence, and for the organisation to judge.
        Ok(Extension::Conflict(_)) | Err(_) => return Err(MeetError::Stranger),
    };
    match newest.current().link == key {
        true => Ok(found),
        false => Err(MeetError::Stranger),
    }
}
