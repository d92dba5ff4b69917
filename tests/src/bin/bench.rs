//! `bench`: measures, and says what came out; see the library's `bench`.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use foedus_daemon::store::EngineKind;
use foedus_tests::bench::bounds::Scale;
use foedus_tests::bench::case::{CASES, Run};
use foedus_tests::bench::figure;
use foedus_tests::bench::raw::Raw;
use foedus_tests::harness::interrupt;
use serde_json::{Value, json};

/// EX_USAGE of sysexits.h.
const EXIT_USAGE: u8 = 64;

struct Options {
    engines: Vec<EngineKind>,
    only: Vec<String>,
    quick: bool,
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&words) else {
        let cases = CASES.join(", ");
        eprintln!(
            "usage: bench [--engine sled|fjall|both] [--only CASE]... [--quick] [--json FILE]\ncases: {cases}"
        );
        return ExitCode::from(EXIT_USAGE);
    };
    match measure(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Option<Options> {
    let mut options = Options {
        engines: vec![EngineKind::Sled],
        only: Vec::new(),
        quick: false,
        json: None,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--engine" => {
                options.engines = match words.next()?.as_str() {
                    "both" => vec![EngineKind::Sled, EngineKind::Fjall],
                    one => vec![one.parse().ok()?],
                }
            }
            "--only" => {
                let case = words.next().filter(|case| CASES.contains(&case.as_str()))?;
                options.only.push(case.clone());
            }
            "--quick" => options.quick = true,
            "--json" => options.json = Some(words.next()?.into()),
            _ => return None,
        }
    }
    Some(options)
}

/// Whether every case has its figure.
fn measure(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let scale = match options.quick {
        true => Scale::QUICK,
        false => Scale::FULL,
    };
    let _temporary = interrupt::cleans_up_on_interrupt()?;
    let raw = Raw::measure(&options.engines, scale.raw)?;
    let mut run = Run {
        scale,
        only: options.only.clone(),
        figures: raw.figures.clone(),
        raw,
        failed: Vec::new(),
    };
    for engine in &options.engines {
        run.measure(*engine, |run| write_json(options, run))?;
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{}", figure::table(&run.figures))?;
    if options.quick {
        writeln!(
            out,
            "\nquick: so little was measured that these figures say nothing."
        )?;
    }
    for (case, failed) in &run.failed {
        writeln!(
            out,
            "FAILED {case}: {}",
            foedus_tests::bench::failed::told(failed)
        )?;
    }
    if let Some(path) = &options.json {
        writeln!(out, "\nwritten to {}", path.display())?;
    }
    Ok(run.failed.is_empty())
}

fn write_json(options: &Options, run: &Run) -> io::Result<()> {
    let Some(path) = &options.json else {
        return Ok(());
    };
    let figures = figure::json(&run.figures, &machine(options.quick));
    fs::write(path, format!("{figures:#}\n"))
}

/// What the figures were measured on.
fn machine(quick: bool) -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    json!({
        "cores": cores,
        "model": model,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "quick": quick,
    })
}
