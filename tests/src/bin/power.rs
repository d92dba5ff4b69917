//! `power`: cuts the power of a real daemon under load, again and again, and says what was lost.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::process::ExitCode;
use std::time::Instant;

use foedus_daemon::store::EngineKind;
use foedus_tests::harness::interrupt;
use foedus_tests::powercut::{Options, run};

const USAGE: &str = "usage: power [--engine sled|fjall] [--cuts N] [--messages N] [--bulk-mib N] [--seed N] [--without-sync]
Each of four writers sends N messages of all lengths, and together they send a bulk of long ones, which has to lead \
far into the engine; none with 0. With --without-sync the store's syncs count as nothing, and something has to be \
lost.";

/// A bulk after which sled is in its next segments, and fjall has removed a journal.
const BULK_MIB: u64 = 88;

/// How many broken cuts are shown in full.
const SHOWN_MAX: usize = 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&words) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    let _temporary = match interrupt::cleans_up_on_interrupt() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("power: no folder, or no signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    let outcome = run(options);
    let broken = outcome.broken.len();
    for (cut, found) in outcome.broken.iter().take(SHOWN_MAX) {
        println!("cut at {} of the trace, leaving {:?}:", cut.at, cut.leaves);
        for line in found.iter().take(SHOWN_MAX) {
            println!("  {line}");
        }
    }
    println!(
        "{}: {} cuts, {broken} of them broke a promise; {} syncs in {} KiB of trace ({}), {} promises looked for, \
         {:.0} s; seed {}",
        options.engine,
        options.cuts,
        outcome.syncs,
        outcome.trace_bytes / 1024,
        outcome.reach,
        outcome.promises,
        began.elapsed().as_secs_f64(),
        options.seed,
    );
    match (broken > 0) == options.with_sync {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn parse(words: &[String]) -> Option<Options> {
    let mut options = Options {
        engine: EngineKind::Sled,
        cuts: 500,
        messages: 600,
        bulk_bytes: BULK_MIB << 20,
        seed: std::process::id(),
        with_sync: true,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--without-sync" => options.with_sync = false,
            "--engine" => options.engine = words.next()?.parse().ok()?,
            "--cuts" => options.cuts = words.next()?.parse().ok()?,
            "--messages" => options.messages = words.next()?.parse().ok()?,
            "--bulk-mib" => options.bulk_bytes = words.next()?.parse::<u64>().ok()? << 20,
            "--seed" => options.seed = words.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}
