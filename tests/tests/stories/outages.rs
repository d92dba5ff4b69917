//! Step 6: a daemon is killed under load, the link is cut, a reader is killed: nothing that was acknowledged is
//! missing, and nothing is there twice.

use std::collections::BTreeMap;

use foedus_tests::harness::chance::Chance;
use foedus_tests::harness::posting::Posting;
use foedus_tests::harness::restless::RestlessTail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};

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

/// A reader at each side, killed at random points.
fn readers(two: &Two, chance: &mut Chance) -> [RestlessTail; 2] {
    [
        RestlessTail::start(&two.acme.member(), LAUNCH, chance.apart()),
        RestlessTail::start(&two.globex.member(), ACME_LAUNCH, chance.apart()),
    ]
}

/// Both hold the same, all of what was acknowledged, and what readers at both got is that too.
#[track_caller]
fn nothing_is_lost(two: &Two, acknowledged: &[String], tails: &[RestlessTail]) {
    let found = two.agree();
    whole(acknowledged, &found, "both sides");
    for tail in tails {
        let behind = || found.len() - tail.texts().len().min(found.len());
        eventually("the tail to catch up", LATER, || match behind() {
            0 => Ok(()),
            behind => Err(format!("{behind} behind")),
        });
        whole(&found, &tail.texts(), "a tail");
    }
}

#[test]
fn a_daemon_that_is_killed_under_load_loses_nothing() {
    let mut two = Two::sharing("+1h");
    let tails = readers(&two, &mut Chance::drawn());
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
    nothing_is_lost(&two, &acknowledged, &tails);
}

#[test]
fn what_was_written_while_the_link_was_cut_arrives() {
    let two = Two::sharing("+1h");
    let tails = readers(&two, &mut Chance::drawn());
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
    nothing_is_lost(&two, &acknowledged, &tails);
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
        nothing_is_lost(&two, &acknowledged, &[]);
    }
}

#[test]
fn a_cut_and_a_kill_at_once_on_each_side_in_turn_lose_nothing() {
    let mut chance = Chance::drawn();
    let mut two = Two::sharing("+1h");
    let tails = readers(&two, &mut chance);
    let mut acknowledged = Vec::new();
    let acme_first = chance.coin();
    for (round, at_acme) in [acme_first, !acme_first].into_iter().enumerate() {
        let load = Load::start(&two, &format!("{round}"));
        load.reaches(chance.between(1, 80));
        for organisation in [&two.acme, &two.globex] {
            organisation.network.cut();
        }
        // Each goes on without the other, until one is killed.
        let acknowledged_before = load.acme.acknowledged().max(load.globex.acknowledged());
        load.reaches(acknowledged_before + chance.between(1, 80));
        let mend_first = chance.coin();
        let (killed, other) = match at_acme {
            true => (&mut two.acme, &two.globex),
            false => (&mut two.globex, &two.acme),
        };
        killed.daemon.kill();
        let survivor = if at_acme { &load.globex } else { &load.acme };
        survivor.reaches(survivor.acknowledged() + chance.between(1, 80));
        if mend_first {
            killed.network.mend();
            other.network.mend();
        }
        killed.daemon.start();
        survivor.reaches(survivor.acknowledged() + chance.between(1, 80));
        killed.network.mend();
        other.network.mend();
        acknowledged.extend(load.finish());
        two.acme.linked_with(GLOBEX);
        two.globex.linked_with(ACME);
    }
    nothing_is_lost(&two, &acknowledged, &tails);
}

#[test]
fn a_reader_that_is_killed_again_and_again_misses_nothing_and_repeats_nothing() {
    let two = Two::sharing("+1h");
    let tails = readers(&two, &mut Chance::drawn());
    let load = Load::start(&two, "only");
    let mut posted = 0;
    while tails.iter().any(|tail| tail.kills() < 4) {
        posted += 100;
        load.reaches(posted);
    }
    let acknowledged = load.finish();
    nothing_is_lost(&two, &acknowledged, &tails);
}
