//! Two threads that hand each other a word.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::failed::Failed;

/// From one thread that waits to another, in microseconds: half of each way there and back, after a rest.
pub fn hand_over_micros(rest: Duration, time: Duration) -> Result<Vec<f64>, Failed> {
    let (to, from_us) = channel::<()>();
    let (back, from_them) = channel::<()>();
    let other = thread::spawn(move || {
        while from_us.recv().is_ok() {
            if back.send(()).is_err() {
                return;
            }
        }
    });
    let (began, mut samples) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        thread::sleep(rest);
        let at = Instant::now();
        if to.send(()).is_err() || from_them.recv().is_err() {
            return Err(Failed::Panicked);
        }
        samples.push(at.elapsed().as_secs_f64() * 1e6 / 2.0);
    }
    drop(to);
    other.join().map_err(|_| Failed::Panicked)?;
    Ok(samples)
}
