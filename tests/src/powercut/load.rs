//! A real daemon under load, watched by the recorder: what it was asked for, what it acknowledged, and how long the
//! trace was by then.
//!
//! It is Globex. Its own people write in a channel of theirs, and Acme, which is not watched, writes in one that both
//! share: what Globex acknowledges to Acme, Acme may forget. It is stopped and started, and once killed before what it
//! wrote is synced.

mod partner;
mod writer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::check::taken;
use super::disk::Tree;
use super::{Options, reach};
use crate::harness::chance::Chance;
use crate::harness::daemon::Place;
use crate::harness::organisation::{Equipment, Organisation};
use crate::harness::preloaded::library;
use crate::harness::two::{ACME, ACME_PEOPLE, GLOBEX, GLOBEX_PEOPLE, Two};
use partner::Partner;
use writer::{Count, Writer};

/// The recorder, as it is built on this machine.
pub(super) const RECORDER: &str = include_str!("recorder.c");

/// Writers at once, so that commits are shared.
const WRITERS: u64 = 4;

/// The daemon is started so often. At the end of one round it is killed, at the end of the others stopped.
const ROUNDS: u64 = 3;

/// The round that ends by a kill: one follows.
const KILLED: u64 = 1;

/// How much longer each sync takes than the disk needs: as long as an answer is under way to whoever notes it, or one
/// that overtakes its sync would be noted after the sync.
const SYNC_MICROS: &str = "4000";

/// Until when the channel is shared: longer than any check takes.
const ENDS: &str = "90d";

/// Where Globex's own people write.
pub const CHANNEL: &str = "own";

/// What was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// To a client: a message with this text is in the channel.
    Message(String),
    /// To a client: there is a channel of this name.
    Channel(String),
    /// To a partner: its message with this text is in the channel that both share.
    Received(String),
}

/// What a daemon did under load.
#[derive(Debug)]
pub struct Recording {
    /// The trace.
    pub trace: Vec<u8>,
    /// Its length when everything was set up.
    pub ready: u64,
    /// Its length when the daemon was killed. What comes next is how it opens what only the system's memory has.
    pub killed: u64,
    /// What was acknowledged, and the length of the trace when that was known.
    pub promises: Vec<(u64, Promise)>,
    /// Every message that was sent, acknowledged or not.
    pub sent: Vec<String>,
    /// The folder that was recorded.
    pub data: PathBuf,
    /// What is in it in the end.
    pub left: Tree,
}

/// Runs the two on empty folders under `folder`, and loads Globex as the options say.
#[must_use]
#[track_caller]
pub fn record(folder: &Path, options: &Options) -> Recording {
    let trace = folder.join("trace");
    let kill = folder.join("kill");
    let mut two = begin(folder, options, &trace, &kill);
    let gwen = two.globex.member();
    gwen.must(&["channel", "create", CHANNEL]);
    if !options.with_sync {
        // From here on only: without what was set up nothing could be asked of what a cut leaves.
        two.globex.daemon.restart_with(|place| {
            let store = place.data().join("store");
            place
                .environment
                .push(("FOEDUS_RECORD_WITHOUT_SYNC", store));
        });
        two.globex.linked_with(ACME);
    }
    let ready = length(&trace);
    let mut partner = Partner::of(&two);
    let (mut promises, mut sent) = (Vec::new(), Vec::new());
    let mut chance = Chance::of(options.seed);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let own = options.messages / ROUNDS;
        partner.gathers(&two, round, own * 2, chance.apart());
        let writers: Vec<Writer> = (0..WRITERS)
            .map(|writer| {
                let bulk = match round + 1 == ROUNDS {
                    true => reach::bulk_messages(options.bulk_bytes / WRITERS),
                    false => 0,
                };
                let count = match round == KILLED {
                    true => Count::UntilItEnds { short: own },
                    false => Count::Messages { short: own, bulk },
                };
                let name = format!("{round}.{writer}");
                Writer::start(&gwen, &trace, &name, count, chance.apart())
            })
            .collect();
        // Acts of administration between the messages: another scope, another shape of commit.
        for number in 0..3 {
            let name = format!("room-{round}-{number}");
            gwen.must(&["channel", "create", &name]);
            promises.push((length(&trace), Promise::Channel(name)));
        }
        promises.extend(partner.lets_go(&two, &trace));
        if round == KILLED {
            writers.iter().for_each(|writer| writer.reaches(own));
            partner.posts(&two, "in-the-air", own);
            File::create(&kill).expect("the file can be made");
            two.globex.daemon.is_killed();
            fs::remove_file(&kill).expect("it is there");
            killed = length(&trace);
        }
        for writer in writers {
            let (texts, acknowledged) = writer.end(round != KILLED);
            sent.extend(texts);
            promises.extend(acknowledged);
        }
        if round != KILLED {
            two.globex.daemon.stop();
        }
        if round + 1 < ROUNDS {
            two.globex.daemon.start();
            two.globex.linked_with(ACME);
        }
    }
    sent.extend(partner.sent);
    let data = two.globex.daemon.place.data();
    Recording {
        trace: fs::read(&trace).expect("the trace can be read"),
        ready,
        killed,
        promises,
        sent,
        left: taken(&data),
        data,
    }
}

/// Both exist and share a channel; all that Globex's daemon does is in the trace.
fn begin(folder: &Path, options: &Options, trace: &Path, kill: &Path) -> Two {
    let equipment = Equipment {
        engine: Some(options.engine),
        ..Equipment::default()
    };
    let recorder = library(folder, "recorder", RECORDER);
    let folder = tempfile::tempdir_in(folder).expect("a folder");
    let acme = Organisation::begin(folder.path(), ACME, ACME_PEOPLE);
    let recorded = |place: &mut Place| {
        place.environment = vec![
            ("LD_PRELOAD", recorder),
            ("FOEDUS_RECORD_ROOT", place.data()),
            ("FOEDUS_RECORD_TRACE", trace.to_owned()),
            ("FOEDUS_RECORD_KILL", kill.to_owned()),
            ("FOEDUS_RECORD_SYNC_MICROS", SYNC_MICROS.into()),
        ];
    };
    let globex = Organisation::begin_at(folder.path(), GLOBEX, GLOBEX_PEOPLE, equipment, recorded);
    let two = Two {
        acme,
        globex,
        folder,
    };
    two.share(ENDS)
}

fn length(trace: &Path) -> u64 {
    fs::metadata(trace).expect("there is a trace").len()
}
