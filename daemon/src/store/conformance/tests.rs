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
                assert_eq!(committed(&engine, batch).await, CommitOutcome::Durable);
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

/// Fills the disk without a reserve, frees some of it, and looks for what was answered as durable.
async fn check_runs_out_of_space(kind: EngineKind, disk: &str) {
    let folder = tempfile::tempdir_in(disk).expect("the small disk can be written");
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 24 * 1024 * 1024]).expect("has space at first");
    let data = DataFolder::lock(folder.path().join("data")).expect("is new");
    let options = StoreOptions {
        engine: kind,
        disk_reserve_bytes: 0,
        cache_bytes: 4 * 1024 * 1024,
    };
    let engine = Engine::open(&data, &options).expect("is new");
    let mut durable = 0u64;
    let value = vec![7; 7000];
    let failed = loop {
        match engine.try_commit(put(&durable.to_be_bytes(), &value)).await {
            Ok(CommitOutcome::Durable) => durable += 1,
            other => break other,
        }
    };
    eprintln!("{kind}: {durable} commits, then {failed:?}");
    assert!(matches!(failed, Ok(CommitOutcome::Unknown)), "{failed:?}");
    let read = engine.get(b"a").await;
    eprintln!("{kind}: a read says {read:?}");
    std::fs::remove_file(&ballast).expect("is there");
    let begin = Instant::now();
    let outcome = loop {
        let outcome = engine.try_commit(put(b"after", b"1")).await;
        if matches!(outcome, Ok(CommitOutcome::Durable)) || begin.elapsed().as_secs() > 10 {
            break outcome;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    eprintln!(
        "{kind}: with space again, {outcome:?} after {:?}",
        begin.elapsed()
    );
    assert!(matches!(outcome, Ok(CommitOutcome::Durable)), "{outcome:?}");
    for index in 0..durable {
        check_get(&engine, &index.to_be_bytes(), Some(&value)).await;
    }
    check_get(&engine, b"after", Some(b"1")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a file system of about 80 MB, named by FOEDUS_SMALL_DISK, that it may fill"]
async fn runs_out_of_space() {
    let disk = std::env::var("FOEDUS_SMALL_DISK").expect("names the file system to fill");
    for kind in [EngineKind::Sled, EngineKind::Fjall] {
        check_runs_out_of_space(kind, &disk).await;
    }
}
