//! The channel's machine in a world of several organisations.

mod accept;
mod append;
mod between;
mod bodies;
mod damaged;
mod ending;
mod offers;
mod open;
mod own;
mod reactions;
mod renewed;
mod seals;
mod sessions;
mod waiting;
mod withheld;
