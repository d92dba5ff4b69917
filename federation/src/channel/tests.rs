//! The channel's machine in a world of several organisations.

mod accept;
mod ending;
mod sessions;
