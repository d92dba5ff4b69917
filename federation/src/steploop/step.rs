//! One step of a scope as its machine sees it: what was read for it, what it has written so far,
//! and what is to be done once that is durable.
//!
//! It must not know what a machine does, or what a key means.

use std::collections::BTreeMap;

use super::Rows;
use crate::batch::{Key, Read, Value};
use crate::bounds::{STEP_BYTES_MAX, STEP_KEYS_MAX};
use crate::damaged::Damaged;

/// The reads of a step, and what it wrote so far.
#[derive(Debug)]
pub struct Step<'a, E> {
    fetched: &'a BTreeMap<Read, Rows>,
    pub(super) writes: BTreeMap<Key, Option<Value>>,
    bytes: usize,
    /// What is done before all other effects of this step.
    pub(super) published: Vec<E>,
    pub(super) effects: Vec<E>,
    pub(super) done: u32,
    pub(super) left: Option<u32>,
    pub(super) damage: Option<Damaged>,
}

impl<'a, E> Step<'a, E> {
    pub(super) fn new(fetched: &'a BTreeMap<Read, Rows>) -> Self {
        Self {
            fetched,
            writes: BTreeMap::new(),
            bytes: 0,
            published: Vec::new(),
            effects: Vec::new(),
            done: 0,
            left: None,
            damage: None,
        }
    }
}

impl<E> Step<'_, E> {
    /// The value of `key`, as earlier writes of this step and the prefetched reads have it.
    ///
    /// # Panics
    /// If the input did not name this read: a fault of the machine.
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        if let Some(written) = self.writes.get(key) {
            return written.as_ref();
        }
        let rows = self
            .fetched
            .get(&Read::Get(key.to_vec()))
            .unwrap_or_else(|| panic!("key {key:02x?} was not named by the input"));
        rows.first().map(|(_, value)| value)
    }

    /// As [`Self::get`], but nothing for a key that the input did not name: for reads whose keys
    /// depend on the clock, which moves on between naming and handling.
    pub fn try_get(&self, key: &[u8]) -> Option<&Value> {
        if let Some(written) = self.writes.get(key) {
            return written.as_ref();
        }
        let rows = self.fetched.get(&Read::Get(key.to_vec()))?;
        rows.first().map(|(_, value)| value)
    }

    /// What a prefetched scan returned, without the writes of this step.
    ///
    /// # Panics
    /// If the input did not name this read: a fault of the machine.
    pub fn scanned(&self, read: &Read) -> &Rows {
        self.fetched
            .get(read)
            .unwrap_or_else(|| panic!("{read:?} was not named by the input"))
    }

    /// What a prefetched scan returned, if it was named.
    pub fn try_scanned(&self, read: &Read) -> Option<&Rows> {
        self.fetched.get(read)
    }

    /// What a scan without a limit returns, as earlier writes of this step and the prefetched reads have
    /// it, if it was named.
    pub fn merged(&self, read: &Read) -> Option<BTreeMap<Key, Value>> {
        let mut rows: BTreeMap<Key, Value> = self.fetched.get(read)?.iter().cloned().collect();
        if let Read::Scan { start, end, .. } = read {
            for (key, written) in self.writes.range(start.clone()..end.clone()) {
                match written {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(key),
                };
            }
        }
        Some(rows)
    }

    /// Whether the value of a key is known: it was read for this step, or written in it.
    pub fn knows(&self, key: &[u8]) -> bool {
        self.writes.contains_key(key) || self.fetched.contains_key(&Read::Get(key.to_vec()))
    }

    /// Writes a value.
    pub fn put(&mut self, key: Key, value: Value) {
        self.write(key, Some(value));
    }

    /// Removes a value.
    pub fn delete(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, value: Option<Value>) {
        let bytes = |value: &Option<Value>| value.as_ref().map_or(0, Vec::len);
        let length = key.len();
        self.bytes += length + bytes(&value);
        // Only the last value of a key is written.
        if let Some(before) = self.writes.insert(key, value) {
            self.bytes -= length + bytes(&before);
        }
    }

    /// Whether this step has written so much that it takes nothing further. A machine that has
    /// more to do of its present input leaves it.
    pub fn is_full(&self) -> bool {
        self.bytes >= STEP_BYTES_MAX || self.writes.len() >= STEP_KEYS_MAX
    }

    /// How much of the present input earlier steps did, in the machine's own measure.
    pub fn done(&self) -> u32 {
        self.done
    }

    /// Leaves the rest of the present input to the next step, which begins with it and is told
    /// `done`. The step that begins with an input must do some of it, or nothing ever does.
    ///
    /// What was done so far becomes durable by itself: whoever sent it hears of it only when the
    /// last of it is.
    pub fn leave(&mut self, done: u32) {
        self.left = Some(done);
    }

    /// Counts bytes that will be written when the step ends.
    pub fn weigh(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A value that was read is not what was written: the step is given up, and whoever waits is told.
    pub fn damaged(&mut self, damage: Damaged) {
        self.damage.get_or_insert(damage);
    }

    /// What was read; or its damage, which is noted as by [`Self::damaged`]. Whoever gets that may
    /// return at once: nothing of this step is kept.
    pub fn noted<T>(&mut self, read: Result<T, Damaged>) -> Result<T, Damaged> {
        read.inspect_err(|damage| self.damaged(damage.clone()))
    }

    /// Something to be done once everything written in this step is durable.
    pub fn effect(&mut self, effect: E) {
        self.effects.push(effect);
    }

    /// As [`Self::effect`], but before all other effects of this step: what others then look at, so that whoever
    /// gets an answer sees what it says.
    pub fn publish(&mut self, effect: E) {
        self.published.push(effect);
    }
}
