//! The raw limits of this machine, measured in the same run: what a disk, an engine, a core, a pair of threads and a
//! bare stream can do when nothing is made of them.

mod arithmetic;
mod bare;
mod disk;
mod engine;
mod stream;
mod threads;

use std::time::{Duration, Instant};

use foedus_daemon::store::EngineKind;

use super::bounds::{IN_FLIGHT, LIST_MESSAGES, MESSAGE_BYTES, PACE, PACED_RATE, PACED_TIMES};
use super::failed::Failed;
use super::figure::{Figure, percentile};

/// The case's name.
pub const CASE: &str = "raw";

/// What figures stand beside.
#[derive(Debug, Clone, Default)]
pub struct Raw {
    /// Half of the disk's syncs take at most so long, of a file that does not grow.
    pub sync_millis: f64,
    /// The same of syncs at the pace of `paced`.
    pub paced_sync_millis: f64,
    /// Ninety-nine of a hundred do.
    pub paced_sync_millis_p99: f64,
    /// Unary calls over TLS, as many under way as in `post-64`.
    pub calls: f64,
    /// Messages over one stream over TLS.
    pub streamed: f64,
    /// A call at the pace of `paced`, half of them at most.
    pub paced_call_millis: f64,
    /// Messages, each hashed once.
    pub hashed: f64,
    /// Messages, each with one signature that is made and verified.
    pub signed: f64,
    /// What each engine does.
    engines: Vec<(EngineKind, EngineLimits)>,
    /// All of it as figures.
    pub figures: Vec<Figure>,
}

/// What an engine does, synced.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineLimits {
    /// By itself.
    pub bare: BareLimits,
    /// Through our own store.
    pub store: StoreLimits,
}

/// What an engine does by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct BareLimits {
    /// Batches of one message, one after the other.
    pub in_turn: f64,
    /// Messages, in batches of one list each.
    pub in_lists: f64,
}

/// What our own store does on an engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreLimits {
    /// Commits of one message, one after the other.
    pub in_turn: f64,
    /// The same, as many under way as in `post-64`.
    pub together: f64,
    /// Messages, in commits of one list each.
    pub in_lists: f64,
}

impl Raw {
    /// What an engine does; nothing, if it was not measured.
    #[must_use]
    pub fn engine(&self, engine: EngineKind) -> EngineLimits {
        let mut measured = self.engines.iter();
        let found = measured.find(|(known, _)| *known == engine);
        found.map(|(_, limits)| *limits).unwrap_or_default()
    }

    /// Measures all of them, each for `time`.
    pub fn measure(engines: &[EngineKind], time: Duration) -> Result<Self, Failed> {
        let mut raw = Self::default();
        raw.disk(time)?;
        raw.threads(time)?;
        raw.arithmetic(time);
        raw.stream(time)?;
        for engine in engines {
            raw.engine_limits(*engine, time)?;
        }
        Ok(raw)
    }

    fn note(&mut self, what: impl Into<String>, value: f64, unit: &'static str) -> f64 {
        self.figures.push(Figure::new(CASE, what, value, unit));
        value
    }

    fn disk(&mut self, time: Duration) -> Result<(), Failed> {
        let mut appended = disk::appended(time)?;
        let mut in_place = disk::in_place(time)?;
        let rate = |samples: &[f64]| samples.len() as f64 / samples.iter().sum::<f64>() * 1e3;
        self.note(
            "disk: 4 KiB appended and synced",
            rate(&appended),
            "syncs/s",
        );
        let half = percentile(&mut appended, 0.50)?;
        self.note("disk: 4 KiB appended and synced, p50", half, "ms");
        self.note(
            "disk: 4 KiB in place and synced",
            rate(&in_place),
            "syncs/s",
        );
        let half = percentile(&mut in_place, 0.50)?;
        self.sync_millis = self.note("disk: 4 KiB in place and synced, p50", half, "ms");
        let mut paced = disk::in_place_after(PACE, time * PACED_TIMES)?;
        let half = percentile(&mut paced, 0.50)?;
        let most = percentile(&mut paced, 0.99)?;
        self.paced_sync_millis = self.note(
            format!("disk: {PACED_RATE} such syncs a second, p50"),
            half,
            "ms",
        );
        self.paced_sync_millis_p99 = self.note(
            format!("disk: {PACED_RATE} such syncs a second, p99"),
            most,
            "ms",
        );
        Ok(())
    }

    fn threads(&mut self, time: Duration) -> Result<(), Failed> {
        for (what, rest, time) in [
            (
                "hand-over between two threads, p50".to_owned(),
                Duration::ZERO,
                time,
            ),
            (
                format!("hand-over, {PACED_RATE} a second, p50"),
                PACE,
                time * PACED_TIMES,
            ),
        ] {
            let micros = percentile(&mut threads::hand_over_micros(rest, time)?, 0.50)?;
            self.note(what, micros, "µs");
        }
        Ok(())
    }

    fn arithmetic(&mut self, time: Duration) {
        let megabytes = arithmetic::hashed_megabytes_a_second(time);
        self.note("SHA-256", megabytes, "MB/s");
        self.hashed = megabytes * 1e6 / MESSAGE_BYTES as f64;
        let (signed, verified) = arithmetic::signatures_a_second(time);
        self.note("Ed25519, signed", signed, "1/s");
        self.note("Ed25519, verified", verified, "1/s");
        self.signed = 1.0 / (1.0 / signed + 1.0 / verified);
    }

    fn stream(&mut self, time: Duration) -> Result<(), Failed> {
        let limits = stream::measure(time)?;
        self.note("gRPC over TLS: calls in turn", limits.in_turn, "calls/s");
        self.paced_call_millis = self.note(
            format!("gRPC over TLS: {PACED_RATE} calls a second, p50"),
            limits.paced_millis,
            "ms",
        );
        self.calls = self.note(
            format!("gRPC over TLS: calls, {IN_FLIGHT} in flight"),
            limits.together,
            "calls/s",
        );
        self.streamed = self.note(
            format!("gRPC over TLS: streamed in lists of {LIST_MESSAGES}"),
            limits.streamed,
            "messages/s",
        );
        Ok(())
    }

    fn engine_limits(&mut self, engine: EngineKind, time: Duration) -> Result<(), Failed> {
        let limits = EngineLimits {
            store: engine::measure(engine, time)?,
            bare: bare::measure(engine, time)?,
        };
        self.engines.push((engine, limits));
        let mut note = |what: String, value, unit| {
            let figure = Figure::new(CASE, what, value, unit);
            self.figures.push(figure.on(engine));
        };
        note(
            "the engine alone: batches in turn, synced".to_owned(),
            limits.bare.in_turn,
            "batches/s",
        );
        note(
            format!("the engine alone: in lists of {LIST_MESSAGES}, synced"),
            limits.bare.in_lists,
            "messages/s",
        );
        note(
            "our store: commits in turn, synced".to_owned(),
            limits.store.in_turn,
            "commits/s",
        );
        note(
            format!("our store: commits, {IN_FLIGHT} in flight, synced"),
            limits.store.together,
            "commits/s",
        );
        note(
            format!("our store: in lists of {LIST_MESSAGES}, synced"),
            limits.store.in_lists,
            "messages/s",
        );
        Ok(())
    }
}

/// Repeats something for `time`; how often a second.
fn a_second(time: Duration, mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut count: u64 = 0;
    while began.elapsed() < time {
        work();
        count += 1;
    }
    count as f64 / began.elapsed().as_secs_f64()
}
