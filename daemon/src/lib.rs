//! `foedusd`, the daemon of one organisation: the only place that wires.
