use std::time::{Duration, Instant};

use super::*;

const SOON: Duration = Duration::from_millis(1);

fn ledger(numbers: u64) -> Ledger {
    let ledger = Ledger::default();
    ledger.name_channel("far", 3);
    ledger.mark(true, true);
    for _ in 0..numbers {
        ledger.next();
    }
    ledger
}

fn check(arrivals: &[(&str, String)], expected: impl Fn(&Result<Instant, Failed>) -> bool) {
    let ledger = ledger(3);
    for (channel, text) in arrivals {
        ledger.take(channel, text, Instant::now());
    }
    let settled = ledger.settle(SOON);
    assert!(expected(&settled), "{settled:?}");
}

#[test]
fn each_message_once_and_whole_settles_it() {
    let all: Vec<(&str, String)> = (0..3).map(|number| ("far", message(number, 3))).collect();
    check(&all, Result::is_ok);
    check(&all[..2], |settled| {
        matches!(
            settled,
            Err(Failed::Lost {
                posted: 3,
                arrived: 2,
                ..
            })
        )
    });
}

#[test]
fn what_is_wrong_is_named() {
    let one = || ("far", message(1, 3));
    check(&[one(), one()], |settled| {
        matches!(settled, Err(Failed::Repeated(1)))
    });
    check(&[one(), ("far", message(0, 3))], |settled| {
        matches!(
            settled,
            Err(Failed::Disordered {
                number: 0,
                before: 1,
                ..
            })
        )
    });
    let garbled =
        |settled: &Result<Instant, Failed>| matches!(settled, Err(Failed::Garbled { .. }));
    check(&[("elsewhere", message(1, 3))], garbled);
    check(&[("far", message(1, 4))], garbled);
    check(&[("far", message(3, 3))], garbled);
    check(&[("far", message(1, 3).replace('a', "b"))], garbled);
    check(&[("far", String::new())], garbled);
}

#[test]
fn a_message_has_its_size_and_is_like_no_other() {
    assert_eq!(message(7, 3).len(), MESSAGE_BYTES);
    assert_ne!(message(7, 3)[20..], message(8, 3)[20..]);
}
