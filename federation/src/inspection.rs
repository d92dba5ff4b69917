//! Whether what is stored fits together: every value is read, the trees over the entries are made again from the headers
//! and held against what was signed, bodies against what their headers commit to, and arrivals are counted through.
//!
//! Its host reads the store from the first key to the last and hands each pair over; before the first pair of a channel
//! it is asked for that channel's state. It keeps what one channel needs, whatever the store holds. It must not know
//! where the pairs come from, nor what is done about what it finds; it changes nothing.

mod audit;
mod channel;

use std::sync::Arc;

use data_encoding::HEXLOWER;
use foedus_policy::id::{ChannelId, EntryRef};

use crate::batch::{Key, Read};
use crate::bounds::INSPECTION_FAULTS_MAX;
use crate::damaged::Damaged;
use crate::entry::{InvalidEntry, LogId};
use crate::keys::{ChannelKeys, channel_of};
use crate::org::{OrgSnapshot, OurKeys};
use crate::org_store::read_record;
use crate::steploop::Rows;

use audit::AuditInspection;
use channel::ChannelInspection;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value that can't be read, or a state that can't be made of the values.
    #[error(transparent)]
    Unreadable(#[from] Damaged),
    /// A key that is never written.
    #[error("the key {} is none that is ever written", HEXLOWER.encode(.key))]
    UnknownKey {
        /// The key.
        key: Key,
    },
    /// Arrivals are counted, and one is not there.
    #[error("channel {channel}: of {count} arrivals, number {number} is missing")]
    ArrivalMissing {
        /// The channel.
        channel: ChannelId,
        /// The first that is missing.
        number: u64,
        /// How many there should be.
        count: u64,
    },
    /// What arrived is not what is there.
    #[error("channel {}: what arrived of log {}/{} is not what is stored of it", .log.channel, .log.origin, .log.incarnation)]
    ArrivedOther {
        /// Whose entries.
        log: LogId,
    },
    /// Entries that should be there are not.
    #[error("channel {}: log {}/{} lacks entries from number {from} on", .log.channel, .log.origin, .log.incarnation)]
    EntriesMissing {
        /// The log.
        log: LogId,
        /// The first that is missing.
        from: u64,
    },
    /// An entry is not what it was.
    #[error("channel {channel}: entry {}/{}/{}", .entry.origin, .entry.incarnation, .entry.sequence)]
    Entry {
        /// The channel.
        channel: ChannelId,
        /// Which one.
        entry: EntryRef,
        /// What is wrong with it.
        #[source]
        source: InvalidEntry,
    },
    /// An entry lies where its header does not belong.
    #[error("channel {channel}: another entry lies in the place of {}/{}/{}", .entry.origin, .entry.incarnation, .entry.sequence)]
    Misplaced {
        /// The channel.
        channel: ChannelId,
        /// The place.
        entry: EntryRef,
    },
    /// The headers do not make the tree that was kept.
    #[error("channel {}: the entries of log {}/{} do not make the tree that its head says", .log.channel, .log.origin, .log.incarnation)]
    Tree {
        /// The log.
        log: LogId,
    },
    /// The hash of a full tile is not that of its entries, or is not there.
    #[error("channel {}: tile {tile} of log {}/{} is not that of its entries", .log.channel, .log.origin, .log.incarnation)]
    Tile {
        /// The log.
        log: LogId,
        /// The first such tile.
        tile: u64,
    },
    /// The checkpoint does not prove the entries.
    #[error("channel {}: the checkpoint of log {}/{} does not prove its entries", .log.channel, .log.origin, .log.incarnation)]
    Checkpoint {
        /// The log.
        log: LogId,
    },
    /// The audit log is numbered through, and one number is not there.
    #[error("the audit log lacks number {number}")]
    AuditMissing {
        /// The first that is missing.
        number: u64,
    },
    /// An entry of the audit log is not what it was.
    #[error("number {number} of the audit log is not what it was")]
    AuditEntry {
        /// Which one.
        number: u64,
    },
    /// The entries of the audit log do not make the tree that was kept, or that its checkpoint states.
    #[error("the entries of the audit log do not make the tree that was signed")]
    AuditTree,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys, with their values.
    pub pairs: u64,
    /// Channels.
    pub channels: u64,
    /// Logs of them, each incarnation for itself.
    pub logs: u64,
    /// Entries of them.
    pub entries: u64,
    /// Bodies among them that are here.
    pub bodies: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was looked at.
    pub counts: Counts,
    /// What does not fit, in the order of the keys; the first of them, if there are many.
    pub faults: Vec<Fault>,
    /// How many there are.
    pub faults_found: u64,
}

/// The faults found so far, of which the first are kept.
#[derive(Debug, Default)]
struct Faults {
    kept: Vec<Fault>,
    found: u64,
}

impl Faults {
    fn add(&mut self, fault: impl Into<Fault>) {
        self.found += 1;
        if self.kept.len() < INSPECTION_FAULTS_MAX {
            self.kept.push(fault.into());
        }
    }

    fn check<T>(&mut self, read: Result<T, Damaged>) -> Option<T> {
        read.map_err(|damaged| self.add(damaged)).ok()
    }
}

/// An inspection under way.
#[derive(Debug)]
pub struct Inspection {
    /// The organisation, if it could be loaded: without it no channel's state can be made.
    ours: Option<(Arc<OrgSnapshot>, Arc<OurKeys>)>,
    channel: Option<ChannelInspection>,
    audit: AuditInspection,
    counts: Counts,
    faults: Faults,
}

impl Inspection {
    /// Begins. `ours` is the organisation as it was loaded, with its keys.
    #[must_use]
    pub fn begin(ours: Option<(Arc<OrgSnapshot>, Arc<OurKeys>)>) -> Self {
        Self {
            ours,
            channel: None,
            audit: AuditInspection::default(),
            counts: Counts::default(),
            faults: Faults::default(),
        }
    }

    /// What has to be read before the pair under `key` can be taken, if anything has.
    #[must_use]
    pub fn read_before(&self, key: &[u8]) -> Option<Read> {
        let channel = channel_of(key)?;
        let begun = self.channel.as_ref().map(ChannelInspection::id);
        (begun != Some(channel)).then(|| ChannelKeys(channel).state())
    }

    /// Takes what was read before the pair under `key`.
    pub fn begin_channel(&mut self, key: &[u8], state: Rows) {
        self.end_channel();
        if let Some(channel) = channel_of(key) {
            self.counts.channels += 1;
            let ours = self.ours.as_ref();
            let begun = ChannelInspection::begin(channel, ours, state, &mut self.faults);
            self.counts.logs += begun.logs();
            self.channel = Some(begun);
        }
    }

    /// Takes one pair. Keys ascend.
    pub fn take(&mut self, key: &[u8], value: &[u8]) {
        self.counts.pairs += 1;
        if let (Some(_), Some(channel)) = (channel_of(key), &mut self.channel) {
            channel.take(key, value, &mut self.counts, &mut self.faults);
            return;
        }
        match key {
            [b'o', b'a', ..] => {
                self.counts.audit_entries += 1;
                self.audit.take_entry(key, value, &mut self.faults);
            }
            [b'o', b's', ..] => {
                if let Err(wrong) = read_record(key, value) {
                    let damaged = Damaged::new(key.to_vec(), "a record of the organisation");
                    self.faults.add(damaged.caused_by(wrong));
                }
            }
            [b'o', b'n', ..] => self.audit.take_note(key, value, &mut self.faults),
            b"ov" => check_version(key, value, &mut self.faults),
            _ => self.faults.add(Fault::UnknownKey { key: key.to_vec() }),
        }
    }

    /// After the last pair.
    #[must_use]
    pub fn end(mut self) -> Report {
        self.end_channel();
        self.audit.end(&mut self.faults);
        Report {
            counts: self.counts,
            faults: self.faults.kept,
            faults_found: self.faults.found,
        }
    }

    fn end_channel(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.end(&mut self.faults);
        }
    }
}

/// The version of a scope: a number in eight bytes behind the format's version.
fn check_version(key: &[u8], value: &[u8], faults: &mut Faults) {
    if value.len() != 9 || value[0] != 1 {
        faults.add(Damaged::new(key.to_vec(), "the version of a scope"));
    }
}

#[cfg(test)]
mod tests;
