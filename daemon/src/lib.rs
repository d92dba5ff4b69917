//! `foedusd`, the daemon of one organisation: the only place that wires.

pub mod api;
pub mod bounds;
pub mod config;
pub mod disk;
pub mod doctor;
pub mod identity_files;
pub mod lifecycle;
pub mod links;
pub mod logging;
pub mod metrics;
pub mod offline;
pub mod per_minute;
pub mod places;
pub mod random;
pub mod runtime;
pub mod store;
