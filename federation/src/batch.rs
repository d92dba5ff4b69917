//! What the machines ask of a store: conditional, atomic writes, and reads by key or range.
//!
//! Only the shapes are here; engines are the daemon's, and all layout is one other file.

/// A key. Keys are compared as byte strings.
pub type Key = Vec<u8>;

/// A stored value. Its first byte is the version of its format.
pub type Value = Vec<u8>;

/// What must hold for a batch to be applied: the value now stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The key that is looked at.
    pub key: Key,
    /// Its value; `None` if there must be none.
    pub value: Option<Value>,
}

/// Writes that are applied all or none.
///
/// `puts` and `deletes` name each key at most once between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// All must hold, at the moment the batch is applied.
    pub expect: Vec<Expect>,
    /// Keys that get a value.
    pub puts: Vec<(Key, Value)>,
    /// Keys that lose theirs; one that has none is no error.
    pub deletes: Vec<Key>,
}

impl Batch {
    /// Bytes of all keys and values that would be written.
    pub fn bytes(&self) -> usize {
        let puts: usize = self
            .puts
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        puts + self.deletes.iter().map(Vec::len).sum::<usize>()
    }
}

/// One read from the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// The value of one key.
    Get(Key),
    /// Keys of a range with their values, ascending.
    Scan {
        /// The first key of the range.
        start: Key,
        /// The first key after it.
        end: Key,
        /// At most this many pairs.
        limit: usize,
        /// The last pairs of the range, descending, instead of the first.
        reverse: bool,
    },
}

/// What a reader does next. It reads nothing by itself: it says what it needs, and is given that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// These have to be read; the next call brings their rows, in the same order.
    Read(Vec<Read>),
    /// It has what it was to find.
    Ready(T),
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Applied, and durable.
    Durable,
    /// An expectation did not hold. Certainly not applied.
    Conflict,
    /// Refused before the engine was asked, for lack of disk space. Certainly not applied.
    DiskFull,
    /// It is over a limit of the engine. Certainly not applied.
    Refused,
    /// Nobody knows whether it was applied, or will be after a restart.
    Unknown,
}
