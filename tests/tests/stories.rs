//! The story of two organisations, step by step, on real daemons.

mod ending;
mod governing;
mod meeting;
mod names;
mod outages;
mod talking;
mod unreachable;
mod waiting;
