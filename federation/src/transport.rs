//! Links and pairing over the network: TLS, the accept loop, HTTP/2, frames as bytes.
//!
//! Whatever it hands to its caller is authenticated (a partner's pinned key, or for pairing any
//! key, proved by a handshake signature) and of bounded size; it is not believed in any other
//! sense. It knows nothing of channels, entries, notes' contents, policy or the store. The core
//! never calls it: the daemon moves frames between the two.

pub mod accept;
pub mod backoff;
mod http2;
pub mod link;
pub mod pairing;
pub mod source;
pub mod tls;
pub mod wire;

#[cfg(test)]
mod tests;

pub use accept::{AcceptCounters, AcceptLimits, Accepted, AcceptedLink, AcceptedPairing, Acceptor};
pub use backoff::Backoff;
pub use link::{
    DialError, Kept, LinkCloser, LinkFailure, LinkHandle, LinkSession, LinkSettings, OutOfReach,
    Reach, Received, dial, kept, serve,
};
pub use pairing::{
    PairError, PairingHost, PairingRefusal, ReplyAccepted, UnverifiedInviter, VerifiedInviter,
};
pub use source::{KnownSources, Source};
pub use tls::{Pins, Tls};
pub use wire::InvalidFrame;
