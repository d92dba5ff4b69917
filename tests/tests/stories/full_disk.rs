//! The disk is full: nothing more is taken and everybody is told why, the daemon stays, and it goes on by itself.

use std::fs;

use foedus_daemon::store::EngineKind;
use foedus_tests::harness::command::{Foedus, with_json};
use foedus_tests::harness::organisation::Equipment;
use foedus_tests::harness::preloaded::library;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};

use super::doctor::{is_over, tells};

/// Nothing can be read while the store waits for room, and that is not told as damage.
#[track_caller]
fn is_closed(foedus: &Foedus) {
    let unread = eventually("a store that is closed", LATER, || {
        let answer = foedus.run(&with_json(&["history", LAUNCH]));
        let failed = (answer.exit != Some(0)).then_some(answer);
        failed.ok_or("it is read".to_owned())
    });
    assert_eq!(unread.refusal().reason, "DISK_FULL", "{unread:#?}");
}

fn fills_up(engine: EngineKind) {
    let mut two = Two::begin_with(Equipment {
        engine: Some(engine),
        ..Equipment::default()
    })
    .share("+1h");
    let switch = two.folder.path().join("full");
    let source = include_str!("../../src/harness/full_disk.c");
    let shim = library(two.folder.path(), "full_disk", source);
    two.acme.daemon.stop();
    let place = &mut two.acme.daemon.place;
    place.environment = vec![
        ("LD_PRELOAD", shim),
        ("FOEDUS_FULL_ROOT", place.data()),
        ("FOEDUS_FULL_SWITCH", switch.clone()),
    ];
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    let anna = two.acme.member();
    anna.must(&["post", LAUNCH, "before"]);

    fs::write(&switch, "").expect("ours");
    let refusal = eventually("a refusal that names the disk", LATER, || {
        match anna.try_json(&["post", LAUNCH, "while it is full"]) {
            Ok(posted) => Err(format!("it was taken: {posted}")),
            Err(answer) if answer.err.contains("disk") => Ok(answer.err),
            Err(answer) => Err(answer.err),
        }
    });
    assert!(refusal.contains("make room"), "{refusal}");
    // fjall opens on a disk that is full, and is read.
    if engine == EngineKind::Sled {
        is_closed(&anna);
    }
    // What comes from a partner waits there.
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "from globex"]);
    let pid = two.acme.daemon.pid();
    anna.must(&["status"]);
    // What is free, as the system says, stays what it is.
    tells(
        &two.acme,
        "DISK_LOW",
        "error",
        &["took no more", "are free"],
    );
    let again = anna.refused(&["post", LAUNCH, "still full"]);
    assert_eq!(again.reason, "DISK_FULL", "{again:?}");
    // sled can't say what became of the commit that found no room, and is closed from then on.
    let outcome = match engine {
        EngineKind::Sled => "unknown",
        EngineKind::Fjall => "disk_full",
    };
    let failed = format!("foedus_commits_total{{outcome=\"{outcome}\"}}");
    two.acme.counts(&failed, |commits| commits > 0);

    fs::remove_file(&switch).expect("ours");
    eventually("a post that is taken again", LATER, || {
        anna.try_json(&["post", LAUNCH, "after"])
            .map_err(|answer| answer.err)
    });
    assert_eq!(two.acme.daemon.pid(), pid);
    is_over(&two.acme, "DISK_LOW");
    two.globex.linked_with(ACME);
    let texts = two.agree();
    for wanted in ["before", "from globex", "after"] {
        let times = texts.iter().filter(|text| *text == wanted).count();
        assert_eq!(times, 1, "{wanted:?} in {texts:?}");
    }
    assert!(!texts.iter().any(|text| text == "still full"), "{texts:?}");
}

#[test]
fn a_daemon_on_sled_outlives_a_full_disk() {
    fills_up(EngineKind::Sled);
}

#[test]
fn a_daemon_on_fjall_outlives_a_full_disk() {
    fills_up(EngineKind::Fjall);
}
