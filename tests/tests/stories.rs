//! The story of two organisations, step by step, on real daemons.

mod ending;
mod governing;
mod meeting;
mod names;
mod outages;
mod renewing;
mod talking;
mod unreachable;
mod waiting;
