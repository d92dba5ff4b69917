//! What can be wrong with what a daemon runs on: its disk, its store, its address.

use foedus_daemon::disk::free_bytes;
use foedus_tests::harness::daemon::free_port;
use foedus_tests::harness::organisation::Organisation;
use foedus_tests::harness::proxy::Proxy;
use foedus_tests::harness::two::{LAUNCH, Two};
use std::net::IpAddr;

use super::{is_over, tells};

#[test]
fn a_disk_that_is_nearly_full_is_told_before_nothing_is_taken() {
    let mut two = Two::sharing("+1h");
    let free = |of: &Organisation| free_bytes(&of.daemon.place.data()).expect("it can be told");
    // Others use the disk, too: what is left is far from both bounds.
    let half = free(&two.acme) / 2;
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.disk_reserve_bytes = half);
    let below = format!("below {half} nothing is taken");
    tells(&two.acme, "DISK_LOW", "warning", &[&below]);
    two.acme.member().must(&["post", LAUNCH, "There is room."]);

    let twice = free(&two.acme) * 2;
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.disk_reserve_bytes = twice);
    let told = tells(
        &two.acme,
        "DISK_LOW",
        "error",
        &["nothing is taken any more"],
    );
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("make room"), "{told}");
    let refusal = two.acme.member().refused(&["post", LAUNCH, "No room."]);
    assert_eq!(refusal.reason, "DISK_FULL", "{refusal:?}");

    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.disk_reserve_bytes = 0);
    is_over(&two.acme, "DISK_LOW");
    two.acme.member().must(&["post", LAUNCH, "Room again."]);
    assert_eq!(two.agree(), ["There is room.", "Room again."]);
}

#[test]
fn a_store_near_its_advised_size_is_told() {
    let mut two = Two::sharing("+1h");
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.store_advised_bytes = Some(1));
    let told = tells(
        &two.acme,
        "STORE_LARGE",
        "warning",
        &["of 1 that are advised"],
    );
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("store.advised_bytes"), "{told}");
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.store_advised_bytes = None);
    is_over(&two.acme, "STORE_LARGE");
}

#[test]
fn an_address_at_which_nobody_answers_is_told() {
    let mut two = Two::sharing("+1h");
    let IpAddr::V4(own) = two.acme.daemon.place.link.ip() else {
        panic!("the daemons of tests are at loopback addresses");
    };
    let elsewhere = free_port(own);
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.advertise = elsewhere.to_string());
    let told = tells(
        &two.acme,
        "PORT_UNREACHABLE",
        "warning",
        &["nobody answers"],
    );
    assert_eq!(told["subject"], elsewhere.to_string(), "{told}");
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(
        fix.contains("link.listen") && fix.contains("firewall"),
        "{told}"
    );

    let opened = Proxy::start_at(elsewhere, two.acme.daemon.place.link);
    is_over(&two.acme, "PORT_UNREACHABLE");
    drop(opened);
    tells(
        &two.acme,
        "PORT_UNREACHABLE",
        "warning",
        &["nobody answers"],
    );
}
