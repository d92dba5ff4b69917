//! What happened in a world, in order, as one number; and as text for whoever looks into a seed.

use std::fmt::{self, Write};

use foedus_policy::id::EntryRef;

/// FNV-1a over the text of every event.
#[derive(Debug, Clone)]
pub struct Trace {
    hash: u64,
    events: u64,
    shown: bool,
}

impl Trace {
    /// An empty trace; `shown` prints each event to standard error.
    pub fn new(shown: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            events: 0,
            shown,
        }
    }

    /// Adds an event.
    pub fn event(&mut self, at_millis: u64, what: fmt::Arguments<'_>) {
        self.events += 1;
        if self.shown {
            eprintln!("{:>9}.{:03} {what}", at_millis / 1000, at_millis % 1000);
        }
        writeln!(self, "{at_millis} {what}").expect("hashing text never fails");
    }

    /// Adds bytes that nobody wants to read.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.hash = (self.hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01B3);
            self.hash = self.hash.rotate_left(23);
        }
    }

    /// The number that stands for all of it.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// The first bytes of an identifier, for people.
pub fn short(id: &[u8]) -> String {
    id.iter()
        .take(3)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An entry, for people.
pub fn name(entry: EntryRef) -> String {
    let EntryRef {
        origin,
        incarnation,
        sequence,
    } = entry;
    format!("{}/{}/{sequence}", short(&origin.0), short(&incarnation.0))
}
