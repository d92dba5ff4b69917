//! Two organisations over real TLS on loopback, each with a runtime of its own.

mod flood;
mod pairing;
mod proxy;
mod rest;
mod story;
mod world;
