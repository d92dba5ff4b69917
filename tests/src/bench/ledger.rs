//! Who posted what, and what of it the far organisation has: each message once, as it was written, in its channel.
//!
//! A message is a number, the place of its channel, and letters that follow from the number. So whoever has a text
//! knows what it ought to be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bounds::MESSAGE_BYTES;
use super::failed::Failed;

/// What was posted and what arrived, of one stage.
#[derive(Debug, Default)]
pub struct Ledger {
    given: AtomicU64,
    arrived: Mutex<Arrived>,
    grown: Condvar,
}

/// What the far organisation has.
#[derive(Debug, Default)]
struct Arrived {
    /// By what the far organisation calls a channel: its place, and the last message in it.
    channels: BTreeMap<String, Lane>,
    /// One bit a number.
    seen: Vec<u64>,
    count: u64,
    /// Whether messages of a channel arrive in the order of their numbers.
    ordered: bool,
    /// The first since [`Ledger::mark`], and the last of all.
    first: Option<Instant>,
    last: Option<Instant>,
    /// When each arrived, if that is asked for.
    stamps: Option<Vec<(u64, Instant)>>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Lane {
    place: usize,
    before: Option<u64>,
}

impl Ledger {
    /// Names a channel as the far organisation does.
    pub fn name_channel(&self, far_name: &str, place: usize) {
        let lane = Lane {
            place,
            before: None,
        };
        self.lock().channels.insert(far_name.to_owned(), lane);
    }

    /// The number for the next message that is posted.
    pub fn next(&self) -> u64 {
        self.given.fetch_add(1, Ordering::SeqCst)
    }

    /// How many were posted so far.
    pub fn posted(&self) -> u64 {
        self.given.load(Ordering::SeqCst)
    }

    /// From now on the first arrival is the next one. With `ordered`, messages of one channel have to arrive in the
    /// order of their numbers; with `stamped`, it is noted when each arrives.
    pub fn mark(&self, ordered: bool, stamped: bool) {
        let mut arrived = self.lock();
        arrived.ordered = ordered;
        arrived.stamps = stamped.then(Vec::new);
        arrived.first = None;
    }

    /// Takes a text that arrived in a channel.
    pub fn take(&self, channel: &str, text: &str, at: Instant) {
        let mut arrived = self.lock();
        if let Err(failed) = arrived.take(channel, text, at, self.posted()) {
            arrived.failed.get_or_insert(failed);
        }
    }

    /// A list was taken: whoever waits looks again.
    pub fn grew(&self) {
        self.grown.notify_all();
    }

    /// The stream of what arrives broke.
    pub fn fail(&self, failed: Failed) {
        self.lock().failed.get_or_insert(failed);
        self.grown.notify_all();
    }

    /// Waits until all that was posted has arrived; when the last did.
    pub fn settle(&self, within: Duration) -> Result<Instant, Failed> {
        let began = Instant::now();
        let posted = self.posted();
        let mut arrived = self.lock();
        loop {
            if let Some(failed) = arrived.failed.take() {
                return Err(failed);
            }
            if arrived.count == posted {
                return Ok(arrived.last.unwrap_or(began));
            }
            let Some(left) = within.checked_sub(began.elapsed()) else {
                return Err(Failed::Lost {
                    posted,
                    arrived: arrived.count,
                    within,
                });
            };
            let woken = self.grown.wait_timeout(arrived, left);
            arrived = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// When the first arrived since [`Self::mark`].
    pub fn first(&self) -> Option<Instant> {
        self.lock().first
    }

    /// When each arrived since [`Self::mark`].
    pub fn stamps(&self) -> Vec<(u64, Instant)> {
        self.lock().stamps.take().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrived {
    fn take(&mut self, channel: &str, text: &str, at: Instant, posted: u64) -> Result<(), Failed> {
        let garbled = || Failed::Garbled {
            channel: channel.to_owned(),
            text: text.to_owned(),
        };
        let lane = self.channels.get_mut(channel).ok_or_else(garbled)?;
        let number = text
            .get(..NUMBER_DIGITS)
            .and_then(|digits| digits.parse().ok());
        let number: u64 = number
            .filter(|number| *number < posted)
            .ok_or_else(garbled)?;
        if text != message(number, lane.place) {
            return Err(garbled());
        }
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        if self.seen[word] & bit != 0 {
            return Err(Failed::Repeated(number));
        }
        self.seen[word] |= bit;
        if let Some(before) = lane.before.replace(number)
            && self.ordered
            && before > number
        {
            return Err(Failed::Disordered {
                channel: channel.to_owned(),
                number,
                before,
            });
        }
        self.count += 1;
        self.first.get_or_insert(at);
        self.last = Some(at);
        if let Some(stamps) = &mut self.stamps {
            stamps.push((number, at));
        }
        Ok(())
    }
}

/// Digits of a number in a text.
const NUMBER_DIGITS: usize = 12;

/// The text of a message: what it says follows from its number and channel, and does not compress.
#[must_use]
pub fn message(number: u64, place: usize) -> String {
    let mut text = String::with_capacity(MESSAGE_BYTES);
    write!(text, "{number:0NUMBER_DIGITS$} {place:05} ").expect("text takes text");
    // Never zero, where it would stay.
    let mut letters = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < MESSAGE_BYTES {
        letters ^= letters << 13;
        letters ^= letters >> 7;
        letters ^= letters << 17;
        // Ten letters of each number, of which nothing but letters is to be had.
        for place in 0..10.min(MESSAGE_BYTES - text.len()) {
            let letter = (letters >> (5 * place + 8)) % 26;
            text.push(char::from(b'a' + letter as u8));
        }
    }
    text
}

#[cfg(test)]
mod tests;
