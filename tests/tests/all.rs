//! All tests of the whole system, in one program.

mod bad_input;
mod deploy;
mod foreign;
mod power_cuts;
mod simulator;
mod stories;
