//! `foedusd`, the daemon of one organisation: the only place that wires.

pub mod bounds;
pub mod store;
