//! `sim`: runs simulated worlds, seed by seed, and says what their checkers found.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use foedus_federation::planted::Fault;
use foedus_tests::simulator::{CHECKERS, KINDS, Report, run};

const USAGE: &str = "usage: sim [--seeds N] [--from S] [--fault NAME] [--keep-going]
       sim --faults [--from S]
       sim --trace SEED [--fault NAME]
The seeds of tests/seeds.txt are run first. With --faults, each fault that can be planted has to be found.";

/// Inputs of one world at the least.
const INPUTS_MIN: u64 = 2_000;

/// So many worlds, and everything that can go wrong in one has to have gone wrong somewhere.
const WEATHER_SEEDS_MIN: u64 = 100;

/// How often a long run says how far it is.
const PROGRESS_SEEDS: usize = 1_000;

/// A planted fault has to be found within so many seeds.
const FAULT_SEEDS_MAX: u64 = 300;

/// Seeds that found something once.
const SEEDS: &str = include_str!("../../seeds.txt");

struct Options {
    seeds: u64,
    from: Option<u64>,
    fault: Option<Fault>,
    faults: bool,
    trace: Option<u64>,
    keep_going: bool,
}

fn main() -> ExitCode {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let seed = SEED.get();
        say(format_args!(
            "seed {seed} panicked; again: cargo run --release -p foedus-tests --bin sim -- --trace {seed}"
        ));
    }));
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&words) else {
        say(format_args!("{USAGE}"));
        return ExitCode::from(64);
    };
    match options.trace {
        Some(seed) => {
            SEED.set(seed);
            trace(seed, options.fault)
        }
        None if options.faults => faults(options.from.unwrap_or(1)),
        None => many(&options),
    }
}

fn parse(words: &[String]) -> Option<Options> {
    let mut options = Options {
        seeds: 300,
        from: None,
        fault: None,
        faults: false,
        trace: None,
        keep_going: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => options.seeds = words.next()?.parse().ok()?,
            "--from" => options.from = Some(words.next()?.parse().ok()?),
            "--trace" => options.trace = Some(words.next()?.parse().ok()?),
            "--faults" => options.faults = true,
            "--keep-going" => options.keep_going = true,
            "--fault" => {
                let name = words.next()?;
                let known = Fault::ALL.iter().find(|fault| fault.name() == name)?;
                options.fault = Some(*known);
            }
            _ => return None,
        }
    }
    Some(options)
}

fn trace(seed: u64, fault: Option<Fault>) -> ExitCode {
    let report = run(seed, fault, true);
    show(&report, fault);
    say(format_args!(
        "seed {seed}: {} inputs, {} events, {} entries acknowledged, trace {:016x}",
        report.inputs, report.events, report.acknowledged, report.trace
    ));
    exit(report.findings.is_empty())
}

/// Looks for each fault that can be planted, in one world after the other until it is found.
fn faults(from: u64) -> ExitCode {
    let mut good = true;
    for fault in Fault::ALL {
        let seeds: Vec<u64> = (from..from + FAULT_SEEDS_MAX).collect();
        let reports = run_all(&seeds, Some(*fault), false, |_, _| {});
        let first = reports
            .iter()
            .find_map(|(place, report)| Some((place + 1, report.seed, report.findings.first()?)));
        let name = fault.name();
        match first {
            Some((count, seed, finding)) => say(format_args!(
                "{name}: found by {} in seed {seed}, after {count} seeds: {}",
                finding.checker, finding.text
            )),
            None => {
                good = false;
                say(format_args!("{name}: not found in {} seeds", reports.len()));
            }
        }
    }
    exit(good)
}

fn many(options: &Options) -> ExitCode {
    let begin = Instant::now();
    let from = options.from.unwrap_or(1);
    let kept = SEEDS
        .lines()
        .filter_map(|line| line.split('#').next()?.trim().parse().ok())
        .filter(|_| options.fault.is_none());
    let seeds: Vec<u64> = kept.chain(from..from + options.seeds).collect();
    // A long run that is cut off has told what it found.
    let told = |report: &Report, done: usize| {
        show(report, options.fault);
        if done.is_multiple_of(PROGRESS_SEEDS) {
            let (all, seconds) = (seeds.len(), begin.elapsed().as_secs());
            say(format_args!("{done} of {all} seeds in {seconds} s"));
        }
    };
    let reports = run_all(&seeds, options.fault, options.keep_going, told);
    summarise(&reports, begin)
}

/// Runs worlds on all processors, and stops after the first that finds something unless told to
/// keep going. What comes out is by place in the list, whatever thread ran it; `told` hears of each
/// as it comes, and how many there are by then.
fn run_all(
    seeds: &[u64],
    fault: Option<Fault>,
    keep_going: bool,
    told: impl Fn(&Report, usize) + Sync,
) -> BTreeMap<u64, Report> {
    let next = AtomicU64::new(0);
    let stop = AtomicU64::new(u64::MAX);
    let reports: Mutex<BTreeMap<u64, Report>> = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = usize::try_from(place).ok().and_then(|p| seeds.get(p)) else {
                        return;
                    };
                    if place > stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let report = run_named(*seed, fault);
                    if !report.findings.is_empty() && !keep_going {
                        stop.fetch_min(place, Ordering::Relaxed);
                    }
                    let mut reports = reports.lock().expect("no thread panics while it holds it");
                    told(&report, reports.len() + 1);
                    reports.insert(place, report);
                }
            });
        }
    });
    reports.into_inner().expect("no thread panicked")
}

std::thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// A world in which a machine panics ends the program: the last line says which one it was.
fn run_named(seed: u64, fault: Option<Fault>) -> Report {
    SEED.set(seed);
    run(seed, fault, false)
}

fn summarise(reports: &BTreeMap<u64, Report>, begin: Instant) -> ExitCode {
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let mut checks: BTreeMap<&str, u64> = BTreeMap::new();
    let mut weather: BTreeMap<&str, u64> = BTreeMap::new();
    let mut good = true;
    for report in reports.values() {
        good &= report.findings.is_empty();
        for finding in report.findings.iter().take(1) {
            *found.entry(finding.checker).or_default() += 1;
        }
        if report.findings.is_empty() && report.inputs < INPUTS_MIN {
            good = false;
            let (seed, inputs) = (report.seed, report.inputs);
            say(format_args!(
                "seed {seed} has {inputs} inputs; a world has at least {INPUTS_MIN}"
            ));
        }
        for (checker, count) in &report.checks {
            *checks.entry(checker).or_default() += count;
        }
        for (kind, count) in &report.weather {
            *weather.entry(kind).or_default() += count;
        }
    }
    for checker in CHECKERS {
        let count = checks.get(checker).copied().unwrap_or(0);
        good &= count > 0;
        let seeds = found.get(checker).copied().unwrap_or(0);
        say(format_args!(
            "{checker}: {count} checks, {seeds} seeds found something"
        ));
    }
    let count = reports.len() as u64;
    good &= has_weather(&weather, count);
    let inputs: u64 = reports.values().map(|report| report.inputs).sum();
    let fewest = reports.values().map(|report| report.inputs).min();
    let slowest = reports.values().map(|report| report.healed_millis).max();
    let seconds = begin.elapsed().as_secs_f64();
    say(format_args!(
        "{count} seeds, {} inputs each (at least {}), healed within {} s, {:.1} seeds/s",
        inputs / count.max(1),
        fewest.unwrap_or(0),
        slowest.unwrap_or(0) / 1000,
        count as f64 / seconds
    ));
    exit(good)
}

/// Says what went wrong how often, and whether everything did that can.
fn has_weather(weather: &BTreeMap<&str, u64>, seeds: u64) -> bool {
    let counts: Vec<String> = KINDS
        .iter()
        .map(|kind| format!("{kind} {}", weather.get(kind).copied().unwrap_or(0)))
        .collect();
    say(format_args!("it happened: {}", counts.join(", ")));
    let never: Vec<&str> = KINDS
        .iter()
        .copied()
        .filter(|kind| !weather.contains_key(kind))
        .collect();
    if never.is_empty() {
        return true;
    }
    let never = never.join(", ");
    if seeds < WEATHER_SEEDS_MIN {
        say(format_args!("in so few seeds never: {never}"));
        return true;
    }
    say(format_args!("never happened: {never}"));
    false
}

fn show(report: &Report, fault: Option<Fault>) {
    let planted = fault.map_or_else(String::new, |fault| format!(" --fault {}", fault.name()));
    for finding in report.findings.iter().take(3) {
        say(format_args!(
            "seed {}: {} at {}.{:03}: {}\n  again: cargo run --release -p foedus-tests --bin sim -- --trace {}{planted}",
            report.seed,
            finding.checker,
            finding.at_millis / 1000,
            finding.at_millis % 1000,
            finding.text,
            report.seed,
        ));
    }
}

fn exit(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn say(line: std::fmt::Arguments<'_>) {
    // Whoever stopped reading does not want to know.
    writeln!(std::io::stdout(), "{line}").ok();
}
