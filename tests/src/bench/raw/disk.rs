//! The disk: a small write, and a sync that waits until it is durable.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::failed::Failed;

/// What is written before each sync.
const WRITTEN_BYTES: usize = 4 * 1024;

/// What is there before it is written again: a segment of an engine.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// How long each write at the end of a file took with its sync, in milliseconds: the file grows, which the file system
/// notes too.
pub fn appended(time: Duration) -> Result<Vec<f64>, Failed> {
    let file = tempfile::tempfile()?;
    repeated(&file, time, || (), |number| number * WRITTEN_BYTES as u64)
}

/// The same in a file that is there already, as engines keep theirs.
pub fn in_place(time: Duration) -> Result<Vec<f64>, Failed> {
    in_place_after(Duration::ZERO, time)
}

/// The same, with a rest before each write: a disk, and a machine, that slept in between are slower.
pub fn in_place_after(rest: Duration, time: Duration) -> Result<Vec<f64>, Failed> {
    let file = tempfile::tempfile()?;
    file.write_all_at(&vec![1; SEGMENT_BYTES], 0)?;
    file.sync_all()?;
    let places = (SEGMENT_BYTES / WRITTEN_BYTES) as u64;
    let place = |number| number % places * WRITTEN_BYTES as u64;
    repeated(&file, time, || thread::sleep(rest), place)
}

fn repeated(
    file: &File,
    time: Duration,
    rest: impl Fn(),
    place: impl Fn(u64) -> u64,
) -> Result<Vec<f64>, Failed> {
    let (began, mut samples) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        rest();
        let number = samples.len() as u64;
        let bytes = [number as u8; WRITTEN_BYTES];
        let at = Instant::now();
        file.write_all_at(&bytes, place(number))?;
        file.sync_data()?;
        samples.push(at.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}
