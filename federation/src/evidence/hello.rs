//! A partner's hello: who it is, where it is reached, and that it agreed to the peering with us.
//!
//! It must not know whether we agreed to it.

use foedus_policy::id::{OrgId, RunId};
use foedus_policy::time::Timestamp;

use crate::frame::Hello;
use crate::identity::{IdentityChain, InvalidChain};
use crate::note::{Claimed, Verified};
use crate::record::{Endpoints, Peering};

/// A partner's hello whose notes were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedHello {
    version_min: u32,
    version_max: u32,
    run: RunId,
    wall: Timestamp,
    identity: IdentityChain,
    endpoints: Option<Verified<Endpoints>>,
    peering: Verified<Peering>,
}

/// Why a hello is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHello {
    /// Its identity does not verify.
    #[error("the identity in the hello does not verify")]
    Identity(#[source] InvalidChain),
    /// Its endpoints note does not verify.
    #[error("the endpoints in the hello are not signed by the sender")]
    Endpoints,
    /// Its peering note does not verify, or is of another peering.
    #[error("the hello brings no peering note of the sender with us")]
    Peering,
}

impl CheckedHello {
    /// Checks a hello that was sent to `us`.
    pub fn check(hello: &Hello, us: OrgId) -> Result<Self, InvalidHello> {
        let Hello {
            version_min,
            version_max,
            run,
            wall,
            identity,
            endpoints,
            peering,
        } = hello;
        let identity = IdentityChain::verify(identity.iter().map(Vec::as_slice))
            .map_err(InvalidHello::Identity)?;
        let sign = identity.current().sign;
        let endpoints = match endpoints.is_empty() {
            true => None,
            false => Some(
                crate::note::verify::<Endpoints>(endpoints, &sign)
                    .ok()
                    .filter(|note| note.note().org == identity.org())
                    .ok_or(InvalidHello::Endpoints)?,
            ),
        };
        // The peering may be older than the newest key.
        let peering = Claimed::<Peering>::parse(peering)
            .ok()
            .and_then(|claimed| claimed.verify_any(&identity.sign_keys()).ok())
            .filter(|note| note.note().org == identity.org() && note.note().partner == us)
            .ok_or(InvalidHello::Peering)?;
        Ok(Self {
            version_min: *version_min,
            version_max: *version_max,
            run: *run,
            wall: *wall,
            identity,
            endpoints,
            peering,
        })
    }

    /// Who says hello.
    pub fn partner(&self) -> OrgId {
        self.identity.org()
    }

    /// The lowest version that the sender speaks.
    pub fn version_min(&self) -> u32 {
        self.version_min
    }

    /// The highest.
    pub fn version_max(&self) -> u32 {
        self.version_max
    }

    /// The run of the sender's daemon.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What the sender's clock says.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// What the sender says of itself.
    pub fn into_parts(
        self,
    ) -> (
        IdentityChain,
        Option<Verified<Endpoints>>,
        Verified<Peering>,
    ) {
        (self.identity, self.endpoints, self.peering)
    }
}
