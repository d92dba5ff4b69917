//! Bad input on real daemons: each refusal names its rule and what to do, and nothing is lost or half done.

mod daemon;
mod invitations;
mod link_port;
mod partner;
mod requests;
