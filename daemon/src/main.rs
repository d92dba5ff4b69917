//! `foedusd`.
fn main() {}
