//! The short form of `cargo xtask power`: what was acknowledged survives a power cut the moment after.

use foedus_daemon::store::EngineKind;
use foedus_tests::powercut::check::NOT_THERE;
use foedus_tests::powercut::disk::Leaves;
use foedus_tests::powercut::{Options, run};

const SHORT: Options = Options {
    engine: EngineKind::Sled,
    cuts: 24,
    messages: 90,
    bulk_bytes: 0,
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

/// The same daemon, and the syncs of its store count as nothing once all is set up: then cuts have to take away what
/// was acknowledged, and nothing else of what was there before, or they would never show that a sync is missing.
fn loses_something_without_syncs(engine: EngineKind) {
    let outcome = run(Options {
        engine,
        cuts: 16,
        messages: 30,
        with_sync: false,
        ..SHORT
    });
    assert_eq!(outcome.syncs, 0);
    let left_nothing: Vec<&[String]> = outcome
        .broken
        .iter()
        .filter(|(cut, _)| cut.leaves == Leaves::Nothing)
        .map(|(_, found)| found.as_slice())
        .collect();
    assert!(left_nothing.len() > 4, "{:?}", outcome.broken);
    let mut lost = left_nothing.iter().copied().flatten();
    assert!(
        lost.any(|line| line.contains("the partner's message")),
        "{:?}",
        outcome.broken
    );
    for found in left_nothing {
        let other = found.iter().find(|line| !line.starts_with(NOT_THERE));
        assert_eq!(other, None);
    }
}

#[test]
fn without_syncs_cuts_lose_what_was_acknowledged() {
    loses_something_without_syncs(EngineKind::Sled);
}

#[test]
fn without_syncs_cuts_lose_what_was_acknowledged_with_fjall() {
    loses_something_without_syncs(EngineKind::Fjall);
}
