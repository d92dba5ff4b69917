//! The story of two organisations, step by step, on real daemons.

pub mod admission;
mod archiving;
mod backup;
mod clocks;
mod day;
pub mod doctor;
mod ending;
mod exporting;
mod full_disk;
mod governing;
mod meeting;
mod names;
mod outages;
mod projects;
mod renewing;
mod store;
mod strangers;
mod suspending;
mod talking;
mod unreachable;
mod waiting;
