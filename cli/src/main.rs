//! `foedus`.
fn main() {}
