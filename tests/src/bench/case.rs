//! The cases, and the stages that they are measured on.

mod catch_up;
mod cost;
mod flow;
mod million;

use std::time::Instant;

use foedus_daemon::store::EngineKind;

use super::bounds::Scale;
use super::failed::Failed;
use super::figure::{Figure, number};
use super::raw::Raw;
use super::stage::Stage;
use crate::harness::organisation::Equipment;

/// What `--only` may name, in the order in which they are measured.
pub const CASES: &[&str] = &[
    super::raw::CASE,
    flow::IDLE,
    flow::PACED,
    flow::POST_1,
    flow::POST_64,
    flow::POST_MANY,
    catch_up::CASE,
    million::CASE,
    million::RESTART,
    cost::CHANNELS,
    cost::PARTNERS,
];

/// Measures the cases of one part.
type Measure = fn(&mut Run, EngineKind) -> Result<(), Failed>;

/// What is measured in one run.
#[derive(Debug)]
pub struct Run {
    /// How much.
    pub scale: Scale,
    /// The cases; none: all.
    pub only: Vec<String>,
    /// The limits of this machine.
    pub raw: Raw,
    /// What came out so far.
    pub figures: Vec<Figure>,
    /// The cases without a figure.
    pub failed: Vec<(String, Failed)>,
}

impl Run {
    /// Whether a case is asked for.
    #[must_use]
    pub fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == case)
    }

    /// All cases that are asked for, on one engine. `keep` is called after each part, with what came out by then: a
    /// stage that can't be set panics, as in the tests, and hours may have gone before it.
    pub fn measure<E>(
        &mut self,
        engine: EngineKind,
        keep: impl Fn(&Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let parts: [(_, Measure); 5] = [
            ("idle, paced and posts", flow::measure),
            ("catch-up", catch_up::measure),
            ("million and restart", million::measure),
            ("channels", cost::measure_channels),
            ("partners", cost::measure_partners),
        ];
        for (name, measure) in parts {
            self.part(name, engine, measure);
            keep(self)?;
        }
        Ok(())
    }

    /// Cases that share a stage. Where one fails, the stage is of no use to those after it.
    fn part(&mut self, name: &str, engine: EngineKind, measure: Measure) {
        let began = Instant::now();
        let measured = measure(self, engine);
        let seconds = began.elapsed().as_secs_f64();
        eprintln!("[bench] {name} on {engine}: {seconds:.0} s");
        if let Err(failed) = measured {
            self.failed.push((format!("{name} on {engine}"), failed));
        }
    }

    fn note(&mut self, figure: Figure, engine: EngineKind) {
        let figure = figure.on(engine);
        let Figure {
            case, what, unit, ..
        } = &figure;
        let value = number(figure.value);
        eprintln!("[bench] {case} on {engine}: {what}: {value} {unit}");
        self.figures.push(figure);
    }
}

fn stage(run: &Run, engine: EngineKind, direct: bool) -> Result<Stage, Failed> {
    Stage::set(equipment(engine, direct), run.scale.members)
}

fn equipment(engine: EngineKind, direct: bool) -> Equipment {
    Equipment {
        engine: Some(engine),
        direct,
        clock: false,
    }
}
