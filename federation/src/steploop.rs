//! The step loop: the one way in which an input becomes a durable change.
//!
//! One loop drives one scope (the organisation, or one channel). A step takes what is queued, up
//! to a bound, asks its host for the reads that these inputs name, lets the machine decide and
//! apply each in turn, asks for one commit of all that was written, and only when that is durable
//! lets go of the replies, sends and deliveries. While a commit is under way inputs queue, and the
//! next step takes them together: that is the group commit of a scope.
//!
//! The loop does no I/O. Its host, the daemon or the simulator, answers what the loop asks; both
//! run this function, so that ticket order, conflict, unknown outcome and reload exist once.
//!
//! It must not know what a machine does, what a key means, or what an engine is.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use foedus_policy::time::Now;

use crate::batch::{Batch, CommitOutcome, Expect, Key, Read, Value};
use crate::bounds::{STEP_DECISIONS_MAX, STEP_IDLE_MAX, STEP_INPUTS_MAX, STEP_READS_MAX};
use crate::damaged::Damaged;
use crate::planted::{Fault, planted};

mod step;

pub use step::Step;

/// Pairs that one read returned: at most one for a get, in key order (or reversed) for a scan.
pub type Rows = Vec<(Key, Value)>;

/// A deterministic state machine whose state is kept in one scope of the store.
pub trait Machine: Sized {
    /// What it takes in.
    type Input;
    /// What goes out once a step is durable.
    type Effect;
    /// What it needs beside the store to be loaded; the same for every load of one run.
    type Setup;

    /// The key whose value is this scope's version: every commit expects it and moves it.
    fn version_key(setup: &Self::Setup) -> Key;

    /// What has to be read to load the machine.
    fn load_reads(setup: &Self::Setup) -> Vec<Read>;

    /// The machine as the store has it. `tainted` says that a commit of this run ended in an
    /// unknown outcome, so that nothing it may have written may be written again differently.
    fn load(setup: &Self::Setup, tainted: u32, rows: Vec<Rows>) -> Result<Self, Damaged>;

    /// Keeps what an input brings that every later load of this run needs.
    fn prepare(_setup: &mut Self::Setup, _input: &Self::Input) {}

    /// What has to be read before `input` can be handled, of which earlier steps did `done`.
    fn reads(&self, now: Now, input: &Self::Input, done: u32) -> Vec<Read>;

    /// Decides and applies one input. Everything that goes into `step` becomes durable, or none.
    ///
    /// An input that would write more than one commit takes is done in several steps: see
    /// [`Step::leave`].
    fn handle(&mut self, now: Now, input: &Self::Input, step: &mut Step<'_, Self::Effect>);

    /// Ends a step, after all its inputs were handled: writes what is written once for all.
    fn finish(&mut self, now: Now, step: &mut Step<'_, Self::Effect>);

    /// The state was forgotten and is read again, or was: what only it knew is lost. While it can't be read this
    /// is not said.
    fn unloaded(setup: &Self::Setup, out: &mut Vec<Self::Effect>);

    /// Answers an input that could not be carried through.
    fn abandon(input: Self::Input, failure: Failure, out: &mut Vec<Self::Effect>);
}

/// Why a step was given up although every input in it may have been right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Others changed the scope again and again.
    #[error(
        "the scope was changed by another replica {STEP_DECISIONS_MAX} times in a row; try again"
    )]
    Conflict,
    /// There is no room on disk.
    #[error("the disk has less free space than the reserve; nothing was stored")]
    DiskFull,
    /// The commit may or may not have been applied.
    #[error(
        "the store did not say whether the change was applied; ask again with the same idempotency key"
    )]
    Unknown,
    /// The scope can't be read.
    #[error("what is stored for this scope can't be read")]
    Damaged,
    /// The store takes no such change.
    #[error("the change is larger than the store takes at once; nothing was stored")]
    Refused,
}

/// What the loop asks of its host. The next call must bring the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Reads, to be answered in the same order by [`Answer::Rows`].
    Read(Vec<Read>),
    /// A commit, to be answered by [`Answer::Committed`].
    Commit(Batch),
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What the reads returned.
    Rows(Vec<Rows>),
    /// How the commit ended.
    Committed(CommitOutcome),
    /// The reads failed: the store can't be read at present.
    ReadFailed,
    /// The reads failed because there is no room on disk: the store is closed until there is.
    DiskFull,
}

/// An input that waits, and how much of it earlier steps did.
struct Queued<I> {
    input: I,
    done: u32,
    /// How many steps in a row began with it and left it as it was.
    idle: u8,
}

/// What a step did, while its commit is under way.
struct Taken<I, E> {
    inputs: Vec<Queued<I>>,
    effects: Vec<E>,
    /// What is done of the last input once the commit is durable, if not all.
    left: Option<u32>,
}

enum Phase<I, E> {
    Unloaded,
    Loading,
    Idle,
    Fetching(Vec<Queued<I>>, Vec<Read>),
    Committing(Taken<I, E>),
}

/// The loop of one scope.
pub struct StepLoop<M: Machine> {
    setup: M::Setup,
    machine: Option<M>,
    version: Option<Value>,
    phase: Phase<M::Input, M::Effect>,
    queue: VecDeque<Queued<M::Input>>,
    decisions: u32,
    /// So many inputs are taken alone: the store took them not together.
    alone: usize,
    tainted: u32,
    damage: Option<Damaged>,
    /// That the state is lost is said once it can be read again: whoever hears of it asks at once.
    owes_unloaded: bool,
}

impl<M: Machine> StepLoop<M> {
    /// A loop over a scope that is loaded at the first input.
    pub fn new(setup: M::Setup) -> Self {
        Self {
            setup,
            machine: None,
            version: None,
            phase: Phase::Unloaded,
            queue: VecDeque::new(),
            decisions: 0,
            alone: 0,
            tainted: 0,
            damage: None,
            owes_unloaded: false,
        }
    }

    /// What could not be read at the last attempt to load, once.
    pub fn take_damage(&mut self) -> Option<Damaged> {
        self.damage.take()
    }

    /// Queues an input.
    pub fn push(&mut self, input: M::Input) {
        M::prepare(&mut self.setup, &input);
        self.queue.push_back(Queued {
            input,
            done: 0,
            idle: 0,
        });
    }

    /// Inputs that wait for a step.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The machine, if it is loaded and nothing it decided is waiting to become durable.
    pub fn settled(&self) -> Option<&M> {
        match self.phase {
            Phase::Idle => self.machine.as_ref(),
            _ => None,
        }
    }

    /// What this loop was made with.
    pub fn setup(&self) -> &M::Setup {
        &self.setup
    }

    /// Goes on as far as possible: takes the answer to what was asked last, and returns what is
    /// asked next, or `None` when it waits for inputs. Effects in `out` may be carried out at
    /// once and in their order.
    ///
    /// # Panics
    /// If the answer is not to what was asked: a fault of the host.
    pub fn advance(
        &mut self,
        now: Now,
        answer: Option<Answer>,
        out: &mut Vec<M::Effect>,
    ) -> Option<Ask> {
        let mut answer = answer;
        loop {
            let phase = mem::replace(&mut self.phase, Phase::Idle);
            match (phase, answer.take()) {
                (Phase::Unloaded, None) => {
                    if self.queue.is_empty() {
                        self.phase = Phase::Unloaded;
                        return None;
                    }
                    self.phase = Phase::Loading;
                    let mut reads = vec![Read::Get(M::version_key(&self.setup))];
                    reads.extend(M::load_reads(&self.setup));
                    return Some(Ask::Read(reads));
                }
                (Phase::Loading, Some(Answer::Rows(rows))) => self.loaded(rows, out),
                (Phase::Loading, Some(Answer::ReadFailed)) => {
                    self.not_loaded(Failure::Damaged, out);
                }
                (Phase::Loading, Some(Answer::DiskFull)) => {
                    self.not_loaded(Failure::DiskFull, out);
                }
                (Phase::Idle, None) => {
                    let (inputs, reads) = self.take_inputs(now);
                    if inputs.is_empty() {
                        return None;
                    }
                    let nothing_to_read = reads.is_empty();
                    self.phase = Phase::Fetching(inputs, reads.clone());
                    if nothing_to_read {
                        answer = Some(Answer::Rows(Vec::new()));
                    } else {
                        return Some(Ask::Read(reads));
                    }
                }
                (Phase::Fetching(inputs, reads), Some(Answer::Rows(rows))) => {
                    assert_eq!(reads.len(), rows.len(), "each read has one answer");
                    let fetched = reads.into_iter().zip(rows).collect();
                    if let Some(batch) = self.step(now, inputs, &fetched, out) {
                        return Some(Ask::Commit(batch));
                    }
                }
                (Phase::Fetching(inputs, _), Some(Answer::ReadFailed)) => {
                    self.unreadable(inputs, Failure::Damaged, out);
                }
                (Phase::Fetching(inputs, _), Some(Answer::DiskFull)) => {
                    self.unreadable(inputs, Failure::DiskFull, out);
                }
                (Phase::Committing(taken), Some(Answer::Committed(outcome))) => {
                    self.committed(taken, outcome, out);
                }
                _ => panic!("the answer is not to what the step loop asked"),
            }
        }
    }

    /// Inputs for one step, and what has to be read for them; neither is more than so many.
    fn take_inputs(&mut self, now: Now) -> (Vec<Queued<M::Input>>, Vec<Read>) {
        let machine = self.machine.as_ref().expect("an idle loop has its machine");
        let inputs_max = match self.alone {
            0 => STEP_INPUTS_MAX,
            _ => 1,
        };
        let (mut inputs, mut reads) = (Vec::new(), Vec::new());
        while inputs.len() < inputs_max && reads.len() < STEP_READS_MAX {
            let Some(next) = self.queue.pop_front() else {
                break;
            };
            reads.extend(machine.reads(now, &next.input, next.done));
            inputs.push(next);
        }
        self.alone = self.alone.saturating_sub(inputs.len());
        reads.sort_unstable();
        reads.dedup();
        (inputs, reads)
    }

    fn take_back(&mut self, inputs: impl DoubleEndedIterator<Item = Queued<M::Input>>) {
        for input in inputs.rev() {
            self.queue.push_front(input);
        }
    }

    /// Lets the machine handle the inputs. What does not fit into one commit is handled next.
    fn step(
        &mut self,
        now: Now,
        mut inputs: Vec<Queued<M::Input>>,
        fetched: &BTreeMap<Read, Rows>,
        out: &mut Vec<M::Effect>,
    ) -> Option<Batch> {
        let machine = self.machine.as_mut().expect("an idle loop has its machine");
        let mut step = Step::new(fetched);
        let mut handled = 0;
        for queued in &inputs {
            step.done = queued.done;
            machine.handle(now, &queued.input, &mut step);
            handled += 1;
            if step.left.is_some() || step.is_full() || step.damage.is_some() {
                break;
            }
        }
        if let Some(damaged) = step.damage.take() {
            // What was decided rests on what can't be read: nothing of it is kept.
            self.damage = Some(damaged);
            self.unreadable(inputs, Failure::Damaged, out);
            return None;
        }
        machine.finish(now, &mut step);
        let rest: Vec<_> = inputs.drain(handled..).collect();
        self.take_back(rest.into_iter());
        let Step {
            writes,
            published: mut effects,
            effects: others,
            left,
            ..
        } = step;
        effects.extend(others);
        if writes.is_empty() {
            // Nothing waits for the disk: decisions that change nothing, such as refusals.
            self.decisions = 0;
            if inputs.len() == 1 && left == Some(inputs[0].done) {
                inputs[0].idle += 1;
                if inputs[0].idle >= STEP_IDLE_MAX {
                    // Else nothing would ever come after it.
                    self.abandon(inputs, Failure::Refused, out);
                    return None;
                }
            }
            self.take_rest(inputs, left);
            out.extend(effects);
            return None;
        }
        let batch = self.batch(writes);
        if planted(Fault::AcknowledgeBeforeDurable) {
            out.append(&mut effects);
        }
        self.phase = Phase::Committing(Taken {
            inputs,
            effects,
            left,
        });
        Some(batch)
    }

    /// What the last input still has to do comes first in the next step.
    fn take_rest(&mut self, mut inputs: Vec<Queued<M::Input>>, left: Option<u32>) {
        if let (Some(done), Some(last)) = (left, inputs.pop()) {
            let idle = if done == last.done { last.idle } else { 0 };
            let input = last.input;
            self.queue.push_front(Queued { input, done, idle });
        }
    }

    fn batch(&self, writes: BTreeMap<Key, Option<Value>>) -> Batch {
        let version_key = M::version_key(&self.setup);
        let mut batch = Batch {
            expect: vec![Expect {
                key: version_key.clone(),
                value: self.version.clone(),
            }],
            puts: vec![(version_key, next_version(self.version.as_deref()))],
            deletes: Vec::new(),
        };
        for (key, value) in writes {
            match value {
                Some(value) => batch.puts.push((key, value)),
                None => batch.deletes.push(key),
            }
        }
        batch
    }

    fn committed(
        &mut self,
        taken: Taken<M::Input, M::Effect>,
        outcome: CommitOutcome,
        out: &mut Vec<M::Effect>,
    ) {
        let Taken {
            inputs,
            effects,
            left,
        } = taken;
        match outcome {
            CommitOutcome::Durable => {
                self.version = Some(next_version(self.version.as_deref()));
                self.decisions = 0;
                self.take_rest(inputs, left);
                out.extend(effects);
            }
            CommitOutcome::Conflict => {
                // Certainly not applied. What was decided rested on a state that is no more.
                self.decisions += 1;
                if self.decisions < STEP_DECISIONS_MAX {
                    self.unload(out);
                    self.take_back(inputs.into_iter());
                } else {
                    self.abandon(inputs, Failure::Conflict, out);
                }
            }
            CommitOutcome::DiskFull => self.abandon(inputs, Failure::DiskFull, out),
            CommitOutcome::Refused if inputs.len() > 1 => {
                // Certainly not applied. None suffers for what came with it.
                self.unload(out);
                self.alone = inputs.len();
                self.take_back(inputs.into_iter());
            }
            CommitOutcome::Refused => self.abandon(inputs, Failure::Refused, out),
            CommitOutcome::Unknown => {
                self.tainted += 1;
                self.abandon(inputs, Failure::Unknown, out);
            }
        }
    }

    /// Answers the inputs and forgets the state: it was changed, and the change is not durable.
    fn abandon(
        &mut self,
        inputs: Vec<Queued<M::Input>>,
        failure: Failure,
        out: &mut Vec<M::Effect>,
    ) {
        self.unload(out);
        self.give_up(inputs, failure, out);
    }

    /// As [`Self::abandon`], where what is stored can't be read.
    fn unreadable(
        &mut self,
        inputs: Vec<Queued<M::Input>>,
        failure: Failure,
        out: &mut Vec<M::Effect>,
    ) {
        self.forget();
        self.owes_unloaded = true;
        self.give_up(inputs, failure, out);
    }

    fn give_up(
        &mut self,
        inputs: Vec<Queued<M::Input>>,
        failure: Failure,
        out: &mut Vec<M::Effect>,
    ) {
        self.decisions = 0;
        for queued in inputs {
            M::abandon(queued.input, failure, out);
        }
    }

    fn unload(&mut self, out: &mut Vec<M::Effect>) {
        self.forget();
        M::unloaded(&self.setup, out);
    }

    fn forget(&mut self) {
        self.machine = None;
        self.version = None;
        self.phase = Phase::Unloaded;
    }

    fn loaded(&mut self, mut rows: Vec<Rows>, out: &mut Vec<M::Effect>) {
        let version = rows.remove(0).pop().map(|(_, value)| value);
        match M::load(&self.setup, self.tainted, rows) {
            Ok(machine) => {
                self.machine = Some(machine);
                self.version = version;
                self.phase = Phase::Idle;
                if mem::take(&mut self.owes_unloaded) {
                    M::unloaded(&self.setup, out);
                }
            }
            Err(damaged) => {
                self.damage = Some(damaged);
                self.not_loaded(Failure::Damaged, out);
            }
        }
    }

    /// The scope can't be loaded: whoever waits is told, and the next input tries again.
    fn not_loaded(&mut self, failure: Failure, out: &mut Vec<M::Effect>) {
        let inputs: Vec<_> = self.queue.drain(..).collect();
        self.unreadable(inputs, failure, out);
    }
}

/// The version after `version`: a number in eight bytes, big-endian, behind the format's version.
fn next_version(version: Option<&[u8]>) -> Value {
    let number = version
        .and_then(|value| value.get(1..9))
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_be_bytes);
    let mut value = vec![1];
    value.extend_from_slice(&(number + 1).to_be_bytes());
    value
}

#[cfg(test)]
mod tests;
