//! The suite over all engines, a test for each check, and figures that are told and not asserted.

use std::time::{Duration, Instant};

use super::*;

macro_rules! suite {
    ($engine:ident, $place:expr, [$($check:ident),* $(,)?]) => {
        mod $engine {
            use super::super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::super::$check(&$place).await;
                }
            )*
        }
    };
}

macro_rules! suites {
    ($checks:tt) => {
        suite!(memory, Place::memory(), $checks);
        suite!(sled, Place::disk(EngineKind::Sled), $checks);
        suite!(fjall, Place::disk(EngineKind::Fjall), $checks);
    };
}

suites!([
    puts_gets_deletes,
    scans,
    scans_of_high_keys,
    expectations,
    atomic,
    one_after_the_other_in_a_group,
    reads_many,
    reopened,
    large_values,
    refusals,
    many_committers,
    whole_batches,
    like_a_map,
]);

/// Durable commits a second, `in_flight` at a time.
async fn commits_per_second(
    kind: EngineKind,
    in_flight: usize,
    values: usize,
    bytes: usize,
) -> f64 {
    let place = Place::disk(kind);
    let engine = place.open();
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..in_flight {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move {
            let mut commits = 0u64;
            while begin.elapsed() < Duration::from_secs(3) {
                let puts = (0..values).map(|value| {
                    (
                        format!("channel/{task}/{commits:08}/{value}").into_bytes(),
                        vec![7; bytes],
                    )
                });
                let batch = Batch {
                    puts: puts.collect(),
                    ..Batch::default()
                };
                assert_eq!(engine.commit(batch).await, CommitOutcome::Durable);
                commits += 1;
            }
            commits
        }));
    }
    let mut commits = 0;
    for task in tasks {
        commits += task.await.expect("commits go well");
    }
    commits as f64 / begin.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people to read: run it alone, in release, with --nocapture"]
async fn measure() {
    for kind in [EngineKind::Sled, EngineKind::Fjall] {
        for (in_flight, values, bytes) in [(1, 1, 300), (64, 1, 300), (1, 16, 4096), (64, 16, 4096)]
        {
            let rate = commits_per_second(kind, in_flight, values, bytes).await;
            eprintln!(
                "{kind}: {values} x {bytes} bytes, {in_flight} in flight: {rate:.0} commits/s"
            );
        }
    }
}
