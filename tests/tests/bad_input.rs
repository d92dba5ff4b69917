//! Bad input on real daemons: each refusal names its rule and what to do, and nothing is lost or half done.

mod crowds;
mod daemon;
mod descriptors;
mod invitations;
mod link_port;
mod pace;
pub mod partner;
mod requests;
mod socket;
