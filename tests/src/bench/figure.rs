//! What came out: figures, as a table for people and as JSON.

use std::collections::VecDeque;
use std::fmt::Write as _;

use foedus_daemon::store::EngineKind;
use serde_json::{Value, json};

use super::failed::Failed;

/// What is asked of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The more, the better.
    AtLeast(f64),
    /// The less, the better.
    AtMost(f64),
}

/// The raw limit of this machine, in the same run and unit, beside which a figure stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// What it is a limit of.
    pub raw: String,
    /// The limit.
    pub value: f64,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The case, as `--only` names it.
    pub case: &'static str,
    /// What of the case.
    pub what: String,
    /// On which engine; none for what has none.
    pub engine: Option<EngineKind>,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What is asked for, if anything is.
    pub target: Option<Target>,
    /// The raw limits beside it, the nearest first; none where nothing raw compares.
    pub beside: Vec<Beside>,
}

impl Target {
    /// Whether `value` is as asked.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {}", number(least)),
            Self::AtMost(most) => format!("<= {}", number(most)),
        }
    }
}

impl Figure {
    /// A figure without target and limit.
    pub fn new(
        case: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            case,
            what: what.into(),
            engine: None,
            value,
            unit,
            target: None,
            beside: Vec::new(),
        }
    }

    /// Measured on an engine.
    #[must_use]
    pub fn on(mut self, engine: EngineKind) -> Self {
        self.engine = Some(engine);
        self
    }

    /// With what is asked for.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Beside one more raw limit.
    #[must_use]
    pub fn beside(mut self, raw: impl Into<String>, value: f64) -> Self {
        self.beside.push(Beside {
            raw: raw.into(),
            value,
        });
        self
    }

    /// How often a limit the figure is.
    fn ratio(&self, beside: &Beside) -> Option<f64> {
        (beside.value > 0.0).then(|| self.value / beside.value)
    }

    fn json(&self) -> Value {
        let Self {
            case,
            what,
            engine,
            value,
            unit,
            target,
            beside,
        } = self;
        let target = target.map(|target| match target {
            Target::AtLeast(least) => json!({ "at_least": least }),
            Target::AtMost(most) => json!({ "at_most": most }),
        });
        let beside: Vec<Value> = beside
            .iter()
            .map(|one| json!({ "raw": one.raw, "value": one.value, "ratio": self.ratio(one) }))
            .collect();
        json!({
            "case": case,
            "what": what,
            "engine": engine.map(|engine| engine.to_string()),
            "value": value,
            "unit": unit,
            "target": target,
            "met": self.target.map(|target| target.is_met(*value)),
            "beside": beside,
        })
    }

    /// One row, and one more for each further raw limit.
    fn rows(&self) -> Vec<[String; 8]> {
        let target = self.target.map(Target::text).unwrap_or_default();
        let met = match self.target.map(|target| target.is_met(self.value)) {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        let limits = self.beside.iter().map(|one| {
            let ratio = self.ratio(one);
            let ratio = ratio.map(|ratio| format!("{}×", number(ratio)));
            let raw = format!("{} ({})", one.raw, number(one.value));
            [ratio.unwrap_or_default(), raw]
        });
        let mut limits: VecDeque<[String; 2]> = limits.collect();
        let [ratio, raw] = limits.pop_front().unwrap_or_default();
        let mut rows = vec![[
            self.case.to_owned(),
            self.what.clone(),
            self.engine
                .map(|engine| engine.to_string())
                .unwrap_or_default(),
            format!("{} {}", number(self.value), self.unit),
            target,
            met.to_owned(),
            ratio,
            raw,
        ]];
        rows.extend(limits.into_iter().map(|[ratio, raw]| {
            let mut row = <[String; 8]>::default();
            [row[6], row[7]] = [ratio, raw];
            row
        }));
        rows
    }
}

/// All figures for people.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let head = [
        "case",
        "what",
        "engine",
        "figure",
        "target",
        "met",
        "of raw",
        "the raw limit",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(figures.iter().flat_map(Figure::rows));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (place, (width, cell)) in widths.iter().zip(&row).enumerate() {
            let width = *width;
            // Figures and ratios are read down a column: their ends stand below each other.
            let written = match place {
                3 | 6 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            };
            written.expect("text takes text");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// All figures for programs.
#[must_use]
pub fn json(figures: &[Figure], machine: &Value) -> Value {
    let figures: Vec<Value> = figures.iter().map(Figure::json).collect();
    json!({ "machine": machine, "figures": figures })
}

/// A number with as many digits as mean something.
#[must_use]
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 || size == 0.0 => 2,
        _ => 4,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    let digits = whole.trim_start_matches('-').len();
    for (place, character) in whole.trim_start_matches('-').chars().enumerate() {
        if place > 0 && (digits - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(character);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    format!("{sign}{grouped}{rest}")
}

/// The value at a share of all samples, by sorting them all. Without a sample there is no figure: nought would be as
/// good as any target asks for.
pub fn percentile(samples: &mut [f64], share: f64) -> Result<f64, Failed> {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().checked_sub(1).ok_or(Failed::NoSample)?;
    // The nearest rank, which is a sample that there was.
    let rank = (share * samples.len() as f64).ceil() as usize;
    Ok(samples[rank.saturating_sub(1).min(last)])
}

#[cfg(test)]
mod tests;
