//! `foedusd`, the daemon of one organisation: the only place that wires.

pub mod api;
pub mod bounds;
pub mod identity_files;
pub mod metrics;
pub mod random;
pub mod runtime;
pub mod store;
