//! All tests of the whole system, in one program.

mod bad_input;
mod foreign;
mod simulator;
mod stories;
