//! Two organisations over real TLS on loopback, each with a runtime of its own.

mod pairing;
mod proxy;
mod story;
mod world;
