//! The federation core: notes, identity, logs, charters, and the machines.
//!
//! The core does no I/O. It has no clock, random source, thread, async or tracing: time,
//! randomness, what was read from the store and how a commit ended come in as arguments; sends,
//! commits and replies go out as effects. It knows nothing of gRPC, protobuf, engines or files.
//! Feature `transport` adds the links (tonic, rustls), in one module that the core never calls.
#![deny(missing_docs)]

pub mod batch;
pub mod bounds;
pub mod channel;
pub mod charter;
pub mod checkpoint;
pub mod clock;
pub mod damaged;
pub mod entry;
pub mod evidence;
#[cfg(test)]
mod examples;
pub mod export;
pub mod feed;
pub mod frame;
pub mod hlc;
pub mod identity;
pub mod inspection;
pub mod key;
pub mod keys;
pub mod kind;
pub mod link;
pub mod message;
pub mod note;
pub mod org;
pub mod org_store;
pub mod pairing;
pub mod part;
pub mod planted;
pub mod record;
pub mod snapshot;
pub mod steploop;
pub mod stored;
#[cfg(test)]
mod testing;
pub mod timeline;
#[cfg(feature = "transport")]
pub mod transport;
pub mod tree;
