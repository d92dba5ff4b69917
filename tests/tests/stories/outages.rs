//! Step 6: a daemon is killed under load, the link is cut, a reader is killed: nothing that was acknowledged is
//! missing, and nothing is there twice.

use std::collections::BTreeMap;

use foedus_tests::harness::posting::Posting;
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};

/// Both members write at the same time.
struct Load {
    acme: Posting,
    globex: Posting,
}

impl Load {
    fn start(two: &Two, round: &str) -> Self {
        Self {
            acme: Posting::start(&two.acme.member(), LAUNCH, &format!("acme-{round}")),
            globex: Posting::start(
                &two.globex.member(),
                ACME_LAUNCH,
                &format!("globex-{round}"),
            ),
        }
    }

    /// Waits until both have had so many acknowledged.
    #[track_caller]
    fn reaches(&self, count: u64) {
        self.acme.reaches(count);
        self.globex.reaches(count);
    }

    /// What was acknowledged to each.
    fn finish(self) -> Vec<String> {
        let mut texts = self.acme.finish();
        texts.extend(self.globex.finish());
        texts
    }
}

/// Every acknowledged text is there once, and no text twice.
#[track_caller]
fn whole(acknowledged: &[String], found: &[String], whose: &str) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for text in found {
        *times.entry(text).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "twice at {whose}: {twice:?}");
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|text| !times.contains_key(text.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{} of {} acknowledged messages are missing at {whose}, the first: {:?}",
        missing.len(),
        acknowledged.len(),
        missing.first()
    );
}

/// Both hold the same, all of what was acknowledged, and what readers at both got is that too.
#[track_caller]
fn nothing_is_lost(two: &Two, acknowledged: &[String], tails: &mut [Tail]) {
    let found = two.agree();
    whole(acknowledged, &found, "both sides");
    for tail in tails {
        let behind = |tail: &Tail| found.len() - tail.texts().len().min(found.len());
        foedus_tests::harness::eventually(
            "the tail to catch up",
            foedus_tests::harness::LATER,
            || match behind(tail) {
                0 => Ok(()),
                behind => Err(format!("{behind} behind")),
            },
        );
        whole(&found, &tail.texts(), "a tail");
    }
}

#[test]
fn a_daemon_that_is_killed_under_load_loses_nothing() {
    let mut two = Two::sharing("+1h");
    let mut tails = [
        Tail::start(&two.acme.member(), LAUNCH),
        Tail::start(&two.globex.member(), ACME_LAUNCH),
    ];
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let load = Load::start(&two, &format!("{round}"));
        load.reaches(40 * (round + 1));
        if round % 2 == 0 {
            two.acme.daemon.kill();
            acknowledged.extend(load.finish());
            two.acme.daemon.start();
        } else {
            two.globex.daemon.kill();
            acknowledged.extend(load.finish());
            two.globex.daemon.start();
        }
        two.acme.linked_with(GLOBEX);
    }
    assert!(acknowledged.len() >= 240);
    nothing_is_lost(&two, &acknowledged, &mut tails);
}

#[test]
fn what_was_written_while_the_link_was_cut_arrives() {
    let two = Two::sharing("+1h");
    let mut tails = [Tail::start(&two.globex.member(), ACME_LAUNCH)];
    let mut acknowledged = Vec::new();
    for round in 0..2 {
        let load = Load::start(&two, &format!("{round}"));
        load.reaches(50);
        for organisation in [&two.acme, &two.globex] {
            organisation.network.cut();
        }
        // Writing goes on while the link is down.
        load.reaches(load.acme.acknowledged().max(load.globex.acknowledged()) + 50);
        for organisation in [&two.acme, &two.globex] {
            organisation.network.mend();
        }
        load.reaches(load.acme.acknowledged().max(load.globex.acknowledged()) + 50);
        acknowledged.extend(load.finish());
    }
    two.globex.linked_with(ACME);
    nothing_is_lost(&two, &acknowledged, &mut tails);
}

#[test]
fn a_link_that_is_dammed_one_way_and_then_the_other_loses_nothing() {
    let two = Two::sharing("+1h");
    let mut acknowledged = Vec::new();
    for (round, (towards, away)) in [(true, false), (false, true)].into_iter().enumerate() {
        let load = Load::start(&two, &format!("{round}"));
        load.reaches(30);
        for organisation in [&two.acme, &two.globex] {
            organisation.network.dam(towards, away);
        }
        load.reaches(load.acme.acknowledged().max(load.globex.acknowledged()) + 50);
        acknowledged.extend(load.finish());
        for organisation in [&two.acme, &two.globex] {
            organisation.network.mend();
        }
        nothing_is_lost(&two, &acknowledged, &mut []);
    }
}

#[test]
fn a_reader_that_is_killed_again_and_again_misses_nothing_and_repeats_nothing() {
    let two = Two::sharing("+1h");
    let mut tails = [
        Tail::start(&two.acme.member(), LAUNCH),
        Tail::start(&two.globex.member(), ACME_LAUNCH),
    ];
    let load = Load::start(&two, "only");
    for kill in 1..=6 {
        load.reaches(kill * 40);
        for tail in &mut tails {
            tail.kill();
            tail.go_on();
        }
    }
    let acknowledged = load.finish();
    nothing_is_lost(&two, &acknowledged, &mut tails);
}
