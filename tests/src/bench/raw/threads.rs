//! Two threads that hand each other a word.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::failed::Failed;

/// From one thread that waits to another, in microseconds: half of there and back.
pub fn hand_over_micros(time: Duration) -> Result<f64, Failed> {
    let (to, from_us) = channel::<()>();
    let (back, from_them) = channel::<()>();
    let other = thread::spawn(move || {
        while from_us.recv().is_ok() {
            if back.send(()).is_err() {
                return;
            }
        }
    });
    let (began, mut rounds) = (Instant::now(), 0.0);
    while began.elapsed() < time {
        if to.send(()).is_err() || from_them.recv().is_err() {
            return Err(Failed::Panicked);
        }
        rounds += 1.0;
    }
    let took = began.elapsed();
    drop(to);
    other.join().map_err(|_| Failed::Panicked)?;
    Ok(took.as_secs_f64() * 1e6 / rounds / 2.0)
}
