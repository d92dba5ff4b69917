//! The loop over a machine that only counts: what becomes durable, what is let go, and when.

use foedus_policy::time::{Now, Timestamp};

use super::*;

const NOW: Now = Now {
    wall: Timestamp(1),
    steady_millis: 1,
};

/// Adds up numbers; refuses zero; says what the sum is, and shows it after a round one.
struct Counter(u64);

#[derive(Debug, PartialEq, Eq)]
enum Effect {
    Sum(u64),
    Shown(u64),
    Refused,
    Failed(u64, Failure),
    Forgotten,
}

impl Machine for Counter {
    type Input = u64;
    type Effect = Effect;
    type Setup = ();

    fn version_key((): &()) -> Key {
        b"v".to_vec()
    }

    fn load_reads((): &()) -> Vec<Read> {
        vec![Read::Get(b"sum".to_vec())]
    }

    fn load((): &(), _tainted: u32, mut rows: Vec<Rows>) -> Result<Self, Damaged> {
        let value = rows.remove(0).pop().map_or(vec![0; 8], |(_, value)| value);
        let damaged = |_| Damaged::new(b"sum".to_vec(), "a number");
        Ok(Self(u64::from_be_bytes(value.try_into().map_err(damaged)?)))
    }

    fn reads(&self, _now: Now, _input: &u64, _done: u32) -> Vec<Read> {
        Vec::new()
    }

    fn handle(&mut self, _now: Now, input: &u64, step: &mut Step<'_, Effect>) {
        if *input == 0 {
            return step.effect(Effect::Refused);
        }
        // What is more than a hundred is added a hundred at a time, one step each.
        let rest = input - 100 * u64::from(step.done());
        if rest > 100 {
            self.0 += 100;
            step.leave(step.done() + 1);
        } else {
            self.0 += rest;
            step.effect(Effect::Sum(self.0));
        }
        step.put(b"sum".to_vec(), self.0.to_be_bytes().to_vec());
    }

    fn finish(&mut self, _now: Now, step: &mut Step<'_, Effect>) {
        if self.0 == 1000 {
            step.publish(Effect::Shown(self.0));
        }
    }

    fn unloaded((): &(), out: &mut Vec<Effect>) {
        out.push(Effect::Forgotten);
    }

    fn abandon(input: u64, failure: Failure, out: &mut Vec<Effect>) {
        out.push(Effect::Failed(input, failure));
    }
}

fn loaded(sum: u64) -> Answer {
    let pair = (b"sum".to_vec(), sum.to_be_bytes().to_vec());
    Answer::Rows(vec![Vec::new(), vec![pair]])
}

fn damaged() -> Answer {
    Answer::Rows(vec![Vec::new(), vec![(b"sum".to_vec(), vec![1])]])
}

/// Brings `steps` to where it asks for a commit of `inputs` on top of `sum`.
fn to_commit(steps: &mut StepLoop<Counter>, sum: u64, out: &mut Vec<Effect>) -> Batch {
    let ask = steps.advance(NOW, None, out);
    let ask = match ask {
        Some(Ask::Read(_)) => steps.advance(NOW, Some(loaded(sum)), out),
        other => other,
    };
    match ask {
        Some(Ask::Commit(batch)) => batch,
        other => panic!("expected a commit, found {other:?}"),
    }
}

fn sum_in(batch: &Batch) -> u64 {
    let (_, value) = batch
        .puts
        .iter()
        .find(|(key, _)| key == b"sum")
        .expect("the sum is written");
    u64::from_be_bytes(value.as_slice().try_into().expect("eight bytes"))
}

#[test]
fn nothing_is_let_go_before_it_is_durable() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(2);
    steps.push(3);
    let batch = to_commit(&mut steps, 10, &mut out);
    assert_eq!(sum_in(&batch), 15, "both inputs are in one commit");
    assert!(out.is_empty());
    assert!(steps.settled().is_none());
    steps.advance(
        NOW,
        Some(Answer::Committed(CommitOutcome::Durable)),
        &mut out,
    );
    assert_eq!(out, [Effect::Sum(12), Effect::Sum(15)]);
    assert!(steps.settled().is_some());
}

/// Whoever gets an answer and looks sees what the answer says.
#[test]
fn what_a_step_shows_is_shown_before_anybody_is_answered() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(2);
    steps.push(3);
    to_commit(&mut steps, 995, &mut out);
    let durable = Some(Answer::Committed(CommitOutcome::Durable));
    steps.advance(NOW, durable, &mut out);
    let sums = [Effect::Sum(997), Effect::Sum(1000)];
    assert_eq!(out[0], Effect::Shown(1000));
    assert_eq!(out[1..], sums);
}

#[test]
fn what_arrives_during_a_commit_is_the_next_step() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(1);
    let first = to_commit(&mut steps, 0, &mut out);
    steps.push(1);
    steps.push(1);
    let durable = Some(Answer::Committed(CommitOutcome::Durable));
    let Some(Ask::Commit(second)) = steps.advance(NOW, durable, &mut out) else {
        panic!("the queue is the next step")
    };
    assert_eq!(sum_in(&second), 3);
    assert_eq!(
        first.puts[0].1,
        *second.expect[0].value.as_ref().expect("a version")
    );
}

#[test]
fn a_refusal_needs_no_disk() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(0);
    steps.advance(NOW, None, &mut out);
    assert_eq!(steps.advance(NOW, Some(loaded(0)), &mut out), None);
    assert_eq!(out, [Effect::Refused]);
}

#[test]
fn a_conflict_is_decided_again_on_what_is_stored_then_and_three_times_at_most() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(5);
    let mut batch = to_commit(&mut steps, 0, &mut out);
    for (decision, stored) in [(1, 0), (2, 100), (3, 200)] {
        assert_eq!(sum_in(&batch), stored + 5, "decision {decision}");
        let conflict = Some(Answer::Committed(CommitOutcome::Conflict));
        match steps.advance(NOW, conflict, &mut out) {
            Some(Ask::Read(_)) if decision < 3 => {}
            None if decision == 3 => break,
            other => panic!("decision {decision}: {other:?}"),
        }
        assert_eq!(std::mem::take(&mut out), [Effect::Forgotten]);
        let Some(Ask::Commit(again)) = steps.advance(NOW, Some(loaded(stored + 100)), &mut out)
        else {
            panic!("decided again")
        };
        batch = again;
    }
    assert_eq!(
        out,
        [Effect::Forgotten, Effect::Failed(5, Failure::Conflict)]
    );
}

#[test]
fn an_unknown_outcome_fails_the_step_and_reads_the_scope_again() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(5);
    to_commit(&mut steps, 0, &mut out);
    steps.push(1);
    let unknown = Some(Answer::Committed(CommitOutcome::Unknown));
    assert!(matches!(
        steps.advance(NOW, unknown, &mut out),
        Some(Ask::Read(_))
    ));
    assert_eq!(
        out,
        [Effect::Forgotten, Effect::Failed(5, Failure::Unknown)]
    );
    // It had been applied after all: the next input is decided on that.
    let Some(Ask::Commit(batch)) = steps.advance(NOW, Some(loaded(5)), &mut out) else {
        panic!("the queue goes on")
    };
    assert_eq!(sum_in(&batch), 6);
}

#[test]
fn a_full_disk_answers_and_goes_on_when_there_is_room() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(5);
    to_commit(&mut steps, 0, &mut out);
    steps.advance(
        NOW,
        Some(Answer::Committed(CommitOutcome::DiskFull)),
        &mut out,
    );
    assert_eq!(
        out,
        [Effect::Forgotten, Effect::Failed(5, Failure::DiskFull)]
    );
    out.clear();
    steps.push(5);
    assert_eq!(sum_in(&to_commit(&mut steps, 0, &mut out)), 5);
}

/// A store that ran out of room is closed, and can't be read either: that is no damage.
#[test]
fn a_full_disk_that_cannot_be_read_is_told_as_full() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(5);
    steps.advance(NOW, None, &mut out);
    assert_eq!(steps.advance(NOW, Some(Answer::DiskFull), &mut out), None);
    assert_eq!(out, [Effect::Failed(5, Failure::DiskFull)]);
    assert!(steps.take_damage().is_none());
    steps.push(5);
    assert_eq!(sum_in(&to_commit(&mut steps, 0, &mut out)), 5);
}

/// Whoever hears that a scope lost its state asks it anew at once: while it can't be read that would go on and on.
#[test]
fn that_the_state_is_lost_is_said_once_when_it_can_be_read_again() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    for answer in [Answer::ReadFailed, Answer::DiskFull, damaged()] {
        steps.push(5);
        steps.advance(NOW, None, &mut out);
        assert_eq!(steps.advance(NOW, Some(answer), &mut out), None);
    }
    let failed = |failure| Effect::Failed(5, failure);
    let failures = [Failure::Damaged, Failure::DiskFull, Failure::Damaged].map(failed);
    assert_eq!(std::mem::take(&mut out), failures);
    for forgotten in [vec![Effect::Forgotten], vec![]] {
        steps.push(5);
        to_commit(&mut steps, 0, &mut out);
        assert_eq!(std::mem::take(&mut out), forgotten);
        let durable = Some(Answer::Committed(CommitOutcome::Durable));
        steps.advance(NOW, durable, &mut out);
        out.clear();
    }
}

#[test]
fn damage_is_kept_for_the_host_and_the_caller_is_answered() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(5);
    steps.advance(NOW, None, &mut out);
    assert_eq!(steps.advance(NOW, Some(damaged()), &mut out), None);
    assert!(out.contains(&Effect::Failed(5, Failure::Damaged)));
    assert_eq!(
        steps.take_damage().expect("it is kept").expected,
        "a number"
    );
}

#[test]
fn an_input_may_take_several_steps_and_what_follows_waits() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(1);
    steps.push(250);
    steps.push(7);
    let durable = || Some(Answer::Committed(CommitOutcome::Durable));
    let mut sums = vec![sum_in(&to_commit(&mut steps, 0, &mut out))];
    while let Some(ask) = steps.advance(NOW, durable(), &mut out) {
        let Ask::Commit(batch) = ask else {
            panic!("nothing is read")
        };
        sums.push(sum_in(&batch));
    }
    assert_eq!(sums, [101, 201, 258]);
    let done = [Effect::Sum(1), Effect::Sum(251), Effect::Sum(258)];
    assert_eq!(out, done, "the answer comes once, with the last step");
}

#[test]
fn a_conflict_in_the_middle_of_an_input_repeats_only_the_step() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(250);
    assert_eq!(sum_in(&to_commit(&mut steps, 0, &mut out)), 100);
    let durable = Some(Answer::Committed(CommitOutcome::Durable));
    assert!(steps.advance(NOW, durable, &mut out).is_some());
    let conflict = Some(Answer::Committed(CommitOutcome::Conflict));
    assert!(matches!(
        steps.advance(NOW, conflict, &mut out),
        Some(Ask::Read(_))
    ));
    let Some(Ask::Commit(again)) = steps.advance(NOW, Some(loaded(100)), &mut out) else {
        panic!("decided again")
    };
    assert_eq!(sum_in(&again), 200);
}

#[test]
fn what_the_store_does_not_take_together_it_is_offered_one_by_one() {
    let mut steps = StepLoop::<Counter>::new(());
    let mut out = Vec::new();
    steps.push(1);
    steps.push(2);
    to_commit(&mut steps, 0, &mut out);
    let refused = || Some(Answer::Committed(CommitOutcome::Refused));
    assert!(matches!(
        steps.advance(NOW, refused(), &mut out),
        Some(Ask::Read(_))
    ));
    let Some(Ask::Commit(first)) = steps.advance(NOW, Some(loaded(0)), &mut out) else {
        panic!("the first alone")
    };
    assert_eq!(sum_in(&first), 1);
    steps.advance(NOW, refused(), &mut out);
    assert!(out.contains(&Effect::Failed(1, Failure::Refused)));
    // Certainly not applied: nothing is tainted, and the other goes on.
    let Some(Ask::Commit(second)) = steps.advance(NOW, Some(loaded(0)), &mut out) else {
        panic!("the second alone")
    };
    assert_eq!(sum_in(&second), 2);
}

/// Whoever starts an older foedusd over a newer store is told so, and not that it is damaged.
#[test]
fn another_format_is_told_as_another_version() {
    use crate::stored::{Record, StateVersion};
    let mut value = StateVersion { version: 7 }.to_value();
    assert!(StateVersion::from_value(&[0xa0, 1], &value).is_ok());
    value[0] = 9;
    let damaged = StateVersion::from_value(&[0xa0, 1], &value).expect_err("another format");
    assert_eq!(
        damaged.to_string(),
        "the value under key a001 can't be read as the version of the state"
    );
    let cause = std::error::Error::source(&damaged).expect("it says why");
    assert_eq!(
        cause.to_string(),
        "it was written by another version of foedusd, in format 9; this one reads format 1"
    );
}
