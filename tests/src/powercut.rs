//! Power cuts: a real daemon works under load while a recorder, preloaded into it, writes down each write and each
//! sync that it asks the C library for. From that the disk is made as a cut at any point may leave it, a daemon is
//! started on it, and everything that had been acknowledged by then has to be there.
//!
//! ```text
//! load    foedusd, with recorder.so: posts, a partner's posts, stops, a kill, starts  ──► trace, acknowledgements
//! trace   bytes ──► acts                     a sync has a begin and an end
//! disk    acts up to a cut ──► a tree         what was not synced is there, or not, or in pieces
//! check   a tree ──► foedusd                  it opens; nothing acknowledged is missing; nothing is there twice
//! ```
//!
//! Three things make it fail when it would prove nothing: a recording without a sync, one from which the folder, as
//! it is in the end, can't be made again byte by byte (something wrote past the recorder), and, of one with a bulk of
//! messages, that the engine did not do with them what it does in the long run (`reach`).
//!
//! Only `reach` knows how an engine lays out its files.

pub mod check;
pub mod disk;
pub mod load;
pub mod reach;
pub mod trace;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use foedus_daemon::store::EngineKind;

use crate::harness::chance::Chance;
use disk::{Disk, Leaves, Tree};
use load::{Promise, Recording, record};
use reach::Reach;
use trace::{Act, Record};

/// Daemons that are started on what cuts left at once.
const CHECKS_AT_ONCE: usize = 2;

/// So many acts after a turn a cut may come that is meant for it.
const AFTER_TURN_MAX: usize = 16;

/// So many changes and syncs after a kill: the store is opened by then.
const OPENING_ACTS: usize = 24;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Of the store.
    pub engine: EngineKind,
    /// How many cuts.
    pub cuts: usize,
    /// How many messages each of four writers sends.
    pub messages: u64,
    /// So many bytes of long messages on top, together. With any, the trace has to lead far into the engine.
    pub bulk_bytes: u64,
    /// Where the cuts are, and what they leave.
    pub seed: u32,
    /// Without: as if the store asked for no sync, from when all is set up. Then messages must be lost.
    pub with_sync: bool,
}

/// What became of it.
#[derive(Debug)]
pub struct Outcome {
    /// Bytes of the trace.
    pub trace_bytes: usize,
    /// Syncs that the daemon asked for under load.
    pub syncs: u64,
    /// What the engine is seen to do.
    pub reach: Reach,
    /// Acknowledgements that were held against cuts, over all cuts.
    pub promises: usize,
    /// What was broken: which cut, and how.
    pub broken: Vec<(Cut, Vec<String>)>,
}

/// One cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// After so many bytes of the trace.
    pub at: u64,
    /// What it left of what was not safe.
    pub leaves: Leaves,
}

/// Records a daemon under load, and cuts.
///
/// # Panics
///
/// If the recording would prove nothing.
#[must_use]
#[track_caller]
pub fn run(options: Options) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let Options {
        engine,
        seed,
        with_sync,
        ..
    } = options;
    let recording = record(folder.path(), &options);
    let records = trace::read(&recording.trace);
    follow_all(&records, &recording);
    let syncs = syncs_under_load(&records, recording.ready);
    let reach = Reach::of(&records, engine);
    proves_something(syncs, &reach, &options);
    was_killed_before_a_sync(&records, &recording, with_sync);
    let cuts = draw(&records, &recording, options);
    let (broken, held) = (Mutex::new(Vec::new()), Mutex::new(0));
    hand_out(
        |trees| make(&records, &recording, &cuts, seed, trees),
        |number, (cut, tree): (Cut, Tree)| {
            let folder = folder.path().join(number.to_string());
            let promised = promised(&recording, cut.at);
            *held.lock().expect("no panic") += promised.len();
            let found = check::check(&folder, engine, &tree, &promised, &recording.sent);
            remove(&folder);
            if !found.is_empty() {
                broken.lock().expect("no panic").push((cut, found));
            }
        },
    );
    Outcome {
        trace_bytes: recording.trace.len(),
        syncs,
        reach,
        promises: held.into_inner().expect("no panic"),
        broken: broken.into_inner().expect("no panic"),
    }
}

/// A daemon that is meant to sync has done so, and one that was given enough has gone far.
#[track_caller]
fn proves_something(syncs: u64, reach: &Reach, options: &Options) {
    assert!(
        syncs > 0 || !options.with_sync,
        "no sync was recorded: nothing is proven"
    );
    assert!(
        reach.is_far() || options.bulk_bytes == 0,
        "the trace does not lead far enough into {}: {reach}. More bulk is needed",
        options.engine
    );
}

/// The kill left something that only the system's memory had.
#[track_caller]
fn was_killed_before_a_sync(records: &[Record], recording: &Recording, with_sync: bool) {
    let mut before = records
        .iter()
        .rev()
        .skip_while(|record| record.end > recording.killed);
    let last = before.next().map(|record| &record.act);
    assert!(
        matches!(last, Some(Act::SyncBegins(_))) || !with_sync,
        "the daemon was killed after {last:?}"
    );
}

/// How many syncs ended once all was set up.
fn syncs_under_load(records: &[Record], ready: u64) -> u64 {
    let loaded = records.iter().filter(|record| record.end > ready);
    loaded
        .filter(|record| matches!(record.act, Act::SyncEnded(_)))
        .count() as u64
}

/// Makes one after the other and has them checked, some at once; each check is told a number of its own.
///
/// # Panics
///
/// If a check does. When all workers have, nobody takes what is made, and making ends.
fn hand_out<T: Send>(make: impl FnOnce(&SyncSender<T>), check: impl Fn(usize, T) + Sync) {
    let numbers = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (made, taking) = mpsc::sync_channel(1);
        // The workers' alone: with the last of them it goes, and sending fails.
        let taking = Arc::new(Mutex::new(taking));
        for _ in 0..CHECKS_AT_ONCE {
            let (taking, numbers, check) = (Arc::clone(&taking), &numbers, &check);
            scope.spawn(move || {
                loop {
                    let next = taking.lock().expect("no panic").recv();
                    let Ok(next) = next else { return };
                    check(numbers.fetch_add(1, Ordering::SeqCst), next);
                }
            });
        }
        drop(taking);
        make(&made);
    });
}

/// What had been acknowledged before the trace was longer than `at`.
fn promised(recording: &Recording, at: u64) -> Vec<&Promise> {
    let promises = recording.promises.iter();
    promises
        .filter(|(length, _)| *length <= at)
        .map(|(_, promise)| promise)
        .collect()
}

/// All that was recorded makes just what lies in the folder.
#[track_caller]
fn follow_all(records: &[Record], recording: &Recording) {
    let mut disk = Disk::empty(recording.data.clone());
    for record in records {
        disk.follow(&record.act).expect("the trace can be followed");
    }
    let made = disk.cut(Leaves::Everything, &mut Chance::of(0));
    let found = &recording.left;
    assert_eq!(made.folders, found.folders, "folders made, and found");
    let names = |tree: &Tree| tree.files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(found), "files made, and found");
    for (path, held) in &made.files {
        assert!(
            *held == found.files[path],
            "{} was written to past the recorder",
            path.display()
        );
    }
}

/// Of four cuts one comes the moment after any acknowledgement, one after an acknowledgement to the partner, one after
/// a turn or as a store is opened whose daemon was killed, and one anywhere.
fn draw(records: &[Record], recording: &Recording, options: Options) -> Vec<Cut> {
    let mut chance = Chance::of(options.seed);
    let ready = records.partition_point(|record| record.end < recording.ready);
    let turns: Vec<usize> = (ready..records.len())
        .filter(|at| is_turn(&records[*at].act))
        .collect();
    let killed = records.partition_point(|record| record.end <= recording.killed);
    let opening: Vec<u64> = records[killed..]
        .iter()
        .filter(|record| moves(&record.act))
        .take(OPENING_ACTS)
        .map(|record| record.end)
        .collect();
    let promised = |to_partner: bool| -> Vec<u64> {
        let promises = recording.promises.iter();
        promises
            .filter(|(_, promise)| !to_partner || matches!(promise, Promise::Received(_)))
            .map(|(length, _)| *length)
            .collect()
    };
    let (any, to_partner) = (promised(false), promised(true));
    let mut pick =
        |length: usize| usize::try_from(chance.between(0, length as u64)).expect("an index");
    let mut cuts: Vec<Cut> = (0..options.cuts)
        .map(|number| {
            let at = match number % 4 {
                0 => any[pick(any.len())],
                1 => to_partner[pick(to_partner.len())],
                2 if number % 8 == 2 => opening[pick(opening.len())],
                2 => {
                    let at = turns[pick(turns.len())] + pick(AFTER_TURN_MAX);
                    records[at.min(records.len() - 1)].end
                }
                _ => records[ready + pick(records.len() - ready)].end,
            };
            let leaves = match number / 4 % 8 {
                0 | 1 => Leaves::Nothing,
                2 => Leaves::Everything,
                _ => Leaves::Some,
            };
            Cut { at, leaves }
        })
        .collect();
    cuts.sort_by_key(|cut| cut.at);
    cuts
}

/// What makes a difference to what a cut leaves.
fn moves(act: &Act) -> bool {
    match act {
        Act::Wrote { .. } | Act::Cut { .. } | Act::SyncEnded(_) => true,
        other => is_turn(other),
    }
}

/// What is rare, and after which a cut may find things in no order: a process begins, names change.
fn is_turn(act: &Act) -> bool {
    match act {
        Act::Started
        | Act::Renamed { .. }
        | Act::Removed(_)
        | Act::FolderMade(_)
        | Act::FolderRemoved(_) => true,
        Act::Opened { flags, .. } => flags & disk::O_CREAT != 0,
        _ => false,
    }
}

/// Makes what each cut leaves, in the order of the trace.
fn make(
    records: &[Record],
    recording: &Recording,
    cuts: &[Cut],
    seed: u32,
    trees: &SyncSender<(Cut, Tree)>,
) {
    let mut disk = Disk::empty(recording.data.clone());
    let mut chance = Chance::of(seed);
    let mut records = records.iter().peekable();
    for cut in cuts {
        while let Some(record) = records.next_if(|record| record.end <= cut.at) {
            disk.follow(&record.act)
                .expect("it could be followed before");
        }
        if trees
            .send((*cut, disk.cut(cut.leaves, &mut chance)))
            .is_err()
        {
            return;
        }
    }
}

fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).expect("our own folder can be removed");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use foedus_daemon::store::EngineKind;

    use super::{Options, Reach, hand_out, proves_something};

    const OPTIONS: Options = Options {
        engine: EngineKind::Sled,
        cuts: 0,
        messages: 0,
        bulk_bytes: 0,
        seed: 0,
        with_sync: true,
    };

    #[test]
    #[should_panic(expected = "no sync was recorded")]
    fn a_recording_without_a_sync_proves_nothing() {
        let reach = Reach::Sled { segments: 1 };
        let with_sync = false;
        let without = Options {
            with_sync,
            ..OPTIONS
        };
        proves_something(0, &reach, &without);
        proves_something(1, &reach, &OPTIONS);
        proves_something(0, &reach, &OPTIONS);
    }

    #[test]
    #[should_panic(expected = "not lead far enough into sled: 1 segments")]
    fn a_bulk_that_fills_no_segment_proves_nothing() {
        let bulk_bytes = 1;
        let bulk = Options {
            bulk_bytes,
            ..OPTIONS
        };
        proves_something(1, &Reach::Sled { segments: 2 }, &bulk);
        proves_something(1, &Reach::Sled { segments: 1 }, &bulk);
    }

    #[test]
    fn each_is_checked_once() {
        let checked = Mutex::new(Vec::new());
        hand_out(
            |made| (0..20).for_each(|one| made.send(one).expect("taken")),
            |number, one: usize| checked.lock().expect("no panic").push((number, one)),
        );
        let mut checked = checked.into_inner().expect("no panic");
        checked.sort_unstable();
        let numbers: Vec<usize> = checked.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        checked.sort_unstable_by_key(|(_, one)| *one);
        let ones: Vec<usize> = checked.iter().map(|(_, one)| *one).collect();
        assert_eq!(ones, (0..20).collect::<Vec<_>>());
    }

    /// It would wait for ever for room.
    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_check_that_panics_ends_it() {
        hand_out(
            |made| while made.send(()).is_ok() {},
            |_, ()| panic!("a check panicked"),
        );
    }
}
