//! What the tests share: real daemons, and the simulator. Nothing here is shipped.

pub mod harness;
pub mod powercut;
pub mod simulator;
