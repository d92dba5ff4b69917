//! What the tests share: real daemons, the simulator, the power cuts, and the bench. Nothing here is shipped.

pub mod bench;
pub mod harness;
pub mod powercut;
pub mod simulator;
