//! All tests of the whole system, in one program.

mod foreign;
mod stories;
