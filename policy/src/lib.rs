//! What an organisation allows.
//!
//! Pure: no clock, no random source, no I/O, no wire format. Time and randomness come in as
//! arguments; what changed comes out as values. This crate knows nothing of notes, logs, links,
//! stores or the gRPC API.
#![deny(missing_docs)]

pub mod action;
pub mod apply;
pub mod audit;
pub mod bounds;
pub mod decide;
pub mod extension;
pub mod id;
pub mod name;
mod offer;
pub mod reason;
pub mod secret;
pub mod state;
pub mod time;
pub mod vocabulary;
pub mod words;

#[cfg(test)]
mod testing;
