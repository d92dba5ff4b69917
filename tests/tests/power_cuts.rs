//! The short form of `cargo xtask power`: what was acknowledged survives a power cut the moment after.

use foedus_daemon::store::EngineKind;
use foedus_tests::powercut::{Options, run};

const SHORT: Options = Options {
    engine: EngineKind::Sled,
    cuts: 24,
    messages: 90,
    seed: 1,
    with_sync: true,
};

fn loses_nothing(engine: EngineKind) {
    let outcome = run(Options { engine, ..SHORT });
    assert_eq!(outcome.broken, []);
    assert!(outcome.promises > 1_000, "{}", outcome.promises);
}

#[test]
fn nothing_acknowledged_is_lost_at_any_cut() {
    loses_nothing(EngineKind::Sled);
}

/// Cuts too that leave fjall's last batch in pieces, over which it does not open by itself.
#[test]
fn nothing_acknowledged_is_lost_at_any_cut_with_fjall() {
    loses_nothing(EngineKind::Fjall);
}

/// The same daemon, whose syncs count as nothing: then the cuts have to break promises, or they would never show
/// that a sync is missing.
fn loses_something_without_syncs(engine: EngineKind) {
    let outcome = run(Options {
        engine,
        cuts: 8,
        messages: 30,
        with_sync: false,
        ..SHORT
    });
    assert_eq!(outcome.syncs, 0);
    assert!(outcome.broken.len() > 2, "{:?}", outcome.broken);
}

#[test]
fn without_syncs_cuts_lose_what_was_acknowledged() {
    loses_something_without_syncs(EngineKind::Sled);
}

#[test]
fn without_syncs_cuts_lose_what_was_acknowledged_with_fjall() {
    loses_something_without_syncs(EngineKind::Fjall);
}
