//! The channel's machine in a world of several organisations.

mod accept;
mod append;
mod ending;
mod sessions;
mod waiting;
