//! What can be wrong with a partner: who answers in its place, what it speaks, what it does not take.

use std::fs;

use foedus_proto::federation::v1::GoodbyeReason;
use foedus_proto::federation::v1::frame::Kind;
use foedus_tests::harness::organisation::Organisation;
use foedus_tests::harness::posting::Posting;
use foedus_tests::harness::preloaded::library;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, INITECH, INITECH_PEOPLE, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};
use serde_json::json;

use super::{finds_within, is_over, tells};
use crate::bad_input::partner::impostor::Impostor;

/// So many entries that are not acknowledged are told.
const LAG_MAX: u64 = 1_000;

#[test]
fn somebody_else_at_a_partners_address_is_told_from_nobody() {
    let mut two = Two::sharing("+1h");
    let initech = Organisation::begin(two.folder.path(), INITECH, INITECH_PEOPLE);
    two.globex.daemon.stop();
    two.globex.network.lead_to(initech.daemon.place.link);
    let told = tells(&two.acme, "WRONG_KEY", "error", &["another key"]);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("telephone"), "{told}");

    // Nobody there is another matter, and for a minute none.
    two.globex.network.lead_to(two.globex.daemon.place.link);
    is_over(&two.acme, "WRONG_KEY");
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    finds_within(LATER, &two.acme, &["END_NEAR"], 0);
}

#[test]
fn a_partner_of_another_version_is_told_also_where_it_can_not_be_dialled() {
    let mut impostor = Impostor::of_globex();
    let mut hello = impostor.hello.clone();
    (hello.version_min, hello.version_max) = (7, 9);
    let (reason, rule) = (GoodbyeReason::Version, "no version in common");
    impostor.hello_is_refused("other versions", Kind::Hello(hello), reason, rule);
    let acme = &impostor.two.acme;
    let told = tells(acme, "VERSION_TOO_OLD", "error", &["no version"]);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("updated"), "{told}");
    // Where Globex is dialled, again and again, no link can be had, and that is not what is wrong.
    let network = &impostor.two.globex.network;
    network.lead_to(acme.daemon.place.api);
    let before = network.connections();
    eventually("further attempts to dial", LATER, || {
        let found = network.connections();
        let more = found >= before + 4;
        more.then_some(())
            .ok_or(format!("{found}, {before} before"))
    });
    tells(acme, "VERSION_TOO_OLD", "error", &["no version"]);

    network.lead_to(impostor.two.globex.daemon.place.link);
    impostor.two.globex.daemon.start();
    impostor.two.acme.linked_with(GLOBEX);
    is_over(&impostor.two.acme, "VERSION_TOO_OLD");
}

/// Whoever has Globex's key signs another root for a log that Acme holds.
#[test]
fn a_partner_that_signed_two_histories_is_told_and_its_next_log_is_taken() {
    let mut impostor = Impostor::of_globex();
    let acme = &impostor.two.acme;
    let shown = acme.administrator().json(&["channel", "show", LAUNCH]);
    assert_eq!(shown["problems"], json!([]), "{shown}");
    let other = impostor.entries(vec![impostor.other_history()]);
    impostor.is_left_out("a second history", other, "Fork(");

    acme.counts("foedus_rejects_total{reason=\"fork\"}", |rejects| {
        rejects > 0
    });
    let told = tells(acme, "LOG_FORKED", "error", &["two histories", LAUNCH]);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    let alice = acme.administrator();
    let problems = alice.json(&["status"])["problems"].clone();
    assert!(
        problems.as_array().is_some_and(|all| all.contains(&told)),
        "{problems}"
    );
    let shown = alice.json(&["channel", "show", LAUNCH]);
    assert_eq!(shown["problems"], json!([told]), "{shown}");
    // The evidence goes with an export, and stands there without a daemon.
    let file = impostor.two.folder.path().join("launch.export");
    let file = file.to_str().expect("a plain path");
    acme.member().must(&["log", "export", LAUNCH, "--to", file]);
    let report = acme.foedus().json(&["log", "verify", file]);
    assert_eq!(
        report["forks"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    let forked = report["forks"][0].as_str().unwrap_or_default();
    assert!(forked.starts_with(&impostor.globex.to_string()), "{report}");

    // It was one log of Globex's: the ones that its daemon writes from then on are taken.
    impostor.the_true_ones_arrive();
    tells(
        &impostor.two.acme,
        "LOG_FORKED",
        "error",
        &["two histories"],
    );
}

#[test]
fn a_partner_that_takes_nothing_lags() {
    let mut two = Two::sharing("+1h");
    let switch = two.folder.path().join("full");
    let source = include_str!("../../../src/harness/full_disk.c");
    let shim = library(two.folder.path(), "full_disk", source);
    two.globex.daemon.restart_with(|place| {
        place.environment = vec![
            ("LD_PRELOAD", shim),
            ("FOEDUS_FULL_ROOT", place.data()),
            ("FOEDUS_FULL_SWITCH", switch.clone()),
        ];
    });
    two.acme.linked_with(GLOBEX);
    two.globex.linked_with(ACME);
    fs::write(&switch, "").expect("ours");
    let load = Posting::start(&two.acme.member(), LAUNCH, "acme");
    load.reaches(LAG_MAX);
    let posted = load.finish();
    let told = tells(&two.acme, "PARTNER_LAGS", "warning", &["not acknowledged"]);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("disk"), "{told}");
    let of_globex = format!("{{partner=\"{}\"}}", two.globex.id());
    let lag = format!("foedus_link_lag_entries{of_globex}");
    two.acme
        .counts(&lag, |entries| entries >= LAG_MAX.cast_signed());
    two.acme
        .counts(&format!("foedus_link_up{of_globex}"), |up| up == 1);

    fs::remove_file(&switch).expect("ours");
    is_over(&two.acme, "PARTNER_LAGS");
    let mut found = two.agree();
    found.retain(|text| posted.contains(text));
    assert_eq!(found, posted, "all of it arrived, in its order");
    two.acme.counts(&lag, |entries| entries == 0);
    assert_eq!(two.globex.texts(ACME_LAUNCH).first(), posted.first());
}
