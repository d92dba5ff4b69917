//! `idle`, `paced`, `post-1`, `post-64`, `post-many`: what flows from one organisation to the other, in one channel and
//! spread over many.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use foedus_daemon::store::EngineKind;

use super::{Run, stage};
use crate::bench::bounds::{IN_FLIGHT, PACE};
use crate::bench::failed::Failed;
use crate::bench::figure::{Figure, Target, percentile};
use crate::bench::stage::{Spent, Stage, process};
use crate::bench::usage;

/// The names of the cases.
pub const IDLE: &str = "idle";
/// See [`IDLE`].
pub const PACED: &str = "paced";
/// See [`IDLE`].
pub const POST_1: &str = "post-1";
/// See [`IDLE`].
pub const POST_64: &str = "post-64";
/// See [`IDLE`].
pub const POST_MANY: &str = "post-many";

/// Measures one case.
type Measure = fn(&mut Flow<'_>) -> Result<(), Failed>;

/// The cases that load the stage, in the order in which they disturb each other least.
const LOADED: &[(&str, Measure)] = &[
    (PACED, |flow| flow.paced()),
    (POST_1, |flow| flow.in_turn()),
    (POST_64, |flow| flow.together()),
    (POST_MANY, |flow| flow.in_lists()),
];

/// One after the other on one stage.
pub fn measure(run: &mut Run, engine: EngineKind) -> Result<(), Failed> {
    let loaded = LOADED.iter().any(|(case, _)| run.wants(case));
    if !loaded && !run.wants(IDLE) {
        return Ok(());
    }
    let mut stage = stage(run, engine, true)?;
    if run.wants(IDLE) {
        idle(run, engine, &stage)?;
    }
    if !loaded {
        return Ok(());
    }
    for channels in [1, run.scale.channels] {
        stage.share(channels)?;
        let mut flow = Flow {
            run,
            engine,
            stage: &stage,
            channels,
        };
        flow.warm_up()?;
        for (case, measure) in LOADED {
            if flow.run.wants(case) {
                measure(&mut flow)?;
            }
        }
    }
    Ok(())
}

fn idle(run: &mut Run, engine: EngineKind, stage: &Stage) -> Result<(), Failed> {
    thread::sleep(run.scale.rest);
    for (name, organisation) in [("acme", &stage.two.acme), ("globex", &stage.two.globex)] {
        let resident = usage::resident_mebibytes(process(organisation)?)?;
        let what = format!("{name}'s daemon, {} members", run.scale.members);
        let figure = Figure::new(IDLE, what, resident, "MiB").target(Target::AtMost(40.0));
        run.note(figure, engine);
    }
    Ok(())
}

/// Messages that flow over so many channels of a stage.
struct Flow<'a> {
    run: &'a mut Run,
    engine: EngineKind,
    stage: &'a Stage,
    channels: usize,
}

impl Flow<'_> {
    fn spread(&self) -> String {
        match self.channels {
            1 => "one channel".to_owned(),
            many => format!("{many} channels"),
        }
    }

    fn note(&mut self, figure: Figure) {
        self.run.note(figure, self.engine);
    }

    /// Each channel is posted to, and all of it has arrived.
    fn warm_up(&mut self) -> Result<(), Failed> {
        let followers = self.stage.follow(self.channels)?;
        let load = self.stage.load(self.channels)?;
        let messages = self.run.scale.warm_up_messages;
        self.stage.ledger.mark(false, false);
        self.stage.load.run(load.post(messages, IN_FLIGHT))?;
        self.stage.settle()?;
        drop(followers);
        Ok(())
    }

    fn paced(&mut self) -> Result<(), Failed> {
        let followers = self.stage.follow(self.channels)?;
        let load = self.stage.load(self.channels)?;
        let ledger = &self.stage.ledger;
        ledger.mark(false, true);
        let called = self
            .stage
            .load
            .run(load.post_paced(self.run.scale.paced_messages, PACE))?;
        self.stage.settle()?;
        drop(followers);
        let arrived: BTreeMap<u64, Instant> = ledger.stamps().into_iter().collect();
        let took = called.iter().filter_map(|(number, at)| {
            let arrived = arrived.get(number)?;
            Some(arrived.saturating_duration_since(*at).as_secs_f64() * 1e3)
        });
        let mut took: Vec<f64> = took.collect();
        let syncs = 2.0 * self.run.raw.paced_sync_millis;
        let syncs_p99 = 2.0 * self.run.raw.paced_sync_millis_p99;
        for (name, share, target, raw) in
            [("p50", 0.50, 3.0, syncs), ("p99", 0.99, 10.0, syncs_p99)]
        {
            let value = percentile(&mut took, share)?;
            let what = format!("{}, {name}", self.spread());
            let figure = Figure::new(PACED, what, value, "ms").target(Target::AtMost(target));
            let figure = figure.beside(format!("two disk syncs at this pace, {name}"), raw);
            self.note(figure.beside(
                "a bare call at this pace, p50",
                self.run.raw.paced_call_millis,
            ));
        }
        Ok(())
    }

    fn in_turn(&mut self) -> Result<(), Failed> {
        // Nobody else may follow: each arrival is noted once.
        let load = self.stage.load(self.channels)?;
        let channel = match self.channels {
            1 => self.stage.channels[0].far.clone(),
            _ => String::new(),
        };
        self.stage.ledger.mark(true, false);
        let far = self.stage.globex.member.clone();
        let messages = self.run.scale.post_1_messages;
        let mut took = self
            .stage
            .load
            .run(load.post_in_turn(messages, far, channel))?;
        self.stage.settle()?;
        let rate = took.len() as f64 / took.iter().sum::<f64>() * 1e6;
        let raw = 1e3 / (2.0 * self.run.raw.sync_millis);
        let figure = Figure::new(POST_1, self.spread(), rate, "messages/s");
        let figure = figure.target(Target::AtLeast(300.0));
        let bare = self.run.raw.engine(self.engine).bare.in_turn / 2.0;
        let figure = figure.beside("two disk syncs", raw);
        self.note(figure.beside("two batches of the engine alone", bare));
        let half = percentile(&mut took, 0.50)? / 1e3;
        self.note(Figure::new(
            POST_1,
            format!("{}, p50", self.spread()),
            half,
            "ms",
        ));
        Ok(())
    }

    fn together(&mut self) -> Result<(), Failed> {
        let messages = self.run.scale.post_64_messages;
        let load = self.stage.load(self.channels)?;
        let (rate, spent) = self.counted(messages, false, move |stage| {
            stage.load.run(load.post(messages, IN_FLIGHT))
        })?;
        let figure = Figure::new(POST_64, self.spread(), rate, "messages/s");
        let figure = figure.target(Target::AtLeast(5_000.0));
        let calls = self.run.raw.calls;
        let together = self.run.raw.engine(self.engine).store.together;
        let figure = figure
            .beside("bare calls, 64 in flight", calls)
            .beside("commits of our store, 64 in flight", together)
            .beside("a signature each, made and verified", self.run.raw.signed);
        self.note(figure);
        self.note_spent(POST_64, spent);
        Ok(())
    }

    fn in_lists(&mut self) -> Result<(), Failed> {
        let messages = self.run.scale.post_many_messages;
        let load = self.stage.load(self.channels)?;
        let (rate, spent) = self.counted(messages, true, move |stage| {
            stage.load.run(load.post_many(messages))
        })?;
        let figure = Figure::new(POST_MANY, self.spread(), rate, "messages/s");
        let figure = figure.target(Target::AtLeast(25_000.0));
        let streamed = self.run.raw.streamed;
        let bare = self.run.raw.engine(self.engine).bare.in_lists;
        let figure = figure
            .beside("a bare stream", streamed)
            .beside("the engine alone, in lists", bare)
            .beside("SHA-256 of each text", self.run.raw.hashed);
        self.note(figure);
        self.note_spent(POST_MANY, spent);
        Ok(())
    }

    /// Runs a load; messages a second from the first call to the last arrival, and what each role computed for a
    /// thousand of them.
    fn counted(
        &self,
        messages: u64,
        ordered: bool,
        load: impl FnOnce(&Stage) -> Result<(), Failed>,
    ) -> Result<(f64, Costs), Failed> {
        let stage = self.stage;
        let followers = stage.follow(self.channels)?;
        stage.ledger.mark(ordered, false);
        let (before, posted, began) = (stage.spent()?, stage.ledger.posted(), Instant::now());
        load(stage)?;
        let last = stage.settle()?;
        let spent = costs(stage.spent()?, before, stage.ledger.posted() - posted);
        drop(followers);
        let count = stage.ledger.posted() - posted;
        if count < messages {
            eprintln!(
                "[bench] cut off after {count} of {messages} messages: the load took too long"
            );
        }
        let took = last.saturating_duration_since(began);
        Ok((count as f64 / took.as_secs_f64(), spent))
    }

    fn note_spent(&mut self, case: &'static str, spent: Costs) {
        for (role, millis) in spent {
            let what = format!("{}, {role}", self.spread());
            self.note(Figure::new(case, what, millis, "ms/1,000"));
        }
    }
}

/// What each role computed for a thousand messages, in milliseconds.
pub type Costs = Vec<(&'static str, f64)>;

/// Takes two looks apart.
pub fn costs(after: Spent, before: Spent, messages: u64) -> Costs {
    let for_a_thousand = |spent: Duration| spent.as_secs_f64() * 1e6 / messages.max(1) as f64;
    let roles = after.since(before).into_iter();
    roles
        .map(|(role, spent)| (role, for_a_thousand(spent)))
        .collect()
}
