//! Copies between the engines.

use foedus_federation::batch::CommitOutcome;

use super::super::EngineKind;
use super::super::conformance::{Place, committed};
use super::super::memory::Fault;
use super::*;
use crate::bounds::VALUE_BYTES_MAX;

async fn fill(engine: &Engine) {
    for index in 0..700u16 {
        let bytes = if index % 20 == 0 {
            VALUE_BYTES_MAX
        } else {
            usize::from(index)
        };
        let puts = vec![(index.to_be_bytes().to_vec(), vec![7; bytes])];
        let outcome = committed(
            engine,
            Batch {
                puts,
                ..Batch::default()
            },
        )
        .await;
        assert_eq!(outcome, CommitOutcome::Durable);
    }
}

async fn all(engine: &Engine) -> Vec<(Key, Value)> {
    engine
        .scan(&[], &key_after_all(), 9999, false)
        .await
        .expect("can be read")
}

#[tokio::test]
async fn every_engine_copies_into_every_other() {
    let (memory, sled) = (Place::memory(), Place::disk(EngineKind::Sled));
    let fjall = Place::disk(EngineKind::Fjall);
    let (memory, sled, fjall) = (memory.open(), sled.open(), fjall.open());
    fill(&memory).await;
    assert_eq!(
        copy_store(&memory, &sled, &mut |_| {})
            .await
            .expect("is empty"),
        700
    );
    assert_eq!(
        copy_store(&sled, &fjall, &mut |_| {})
            .await
            .expect("is empty"),
        700
    );
    assert!(
        all(&fjall).await == all(&memory).await,
        "a copy of a copy is the same"
    );
    compare_stores(&memory, &fjall, &mut |_| {})
        .await
        .expect("the same");
    let other = Batch {
        puts: vec![(300u16.to_be_bytes().to_vec(), vec![8; 300])],
        ..Batch::default()
    };
    assert_eq!(committed(&fjall, other).await, CommitOutcome::Durable);
    let compared = compare_stores(&memory, &fjall, &mut |_| {}).await;
    assert!(
        matches!(compared, Err(CopyError::Differs { pair: 256 })),
        "{compared:?}"
    );
    let again = copy_store(&fjall, &sled, &mut |_| {}).await;
    assert!(matches!(again, Err(CopyError::TargetNotEmpty)), "{again:?}");
}

#[tokio::test]
async fn a_copy_that_fails_says_so() {
    let (from, to) = (Place::memory().open(), Place::memory());
    fill(&from).await;
    let target = to.open();
    let Place::Memory(memory) = &to else {
        unreachable!("made so")
    };
    memory.disk().plan([None, None, Some(Fault::DiskFull)]);
    let copied = copy_store(&from, &target, &mut |_| {}).await;
    let refused = CopyError::NotDurable(CommitOutcome::DiskFull).to_string();
    assert_eq!(
        copied.expect_err("the third batch fails").to_string(),
        refused
    );

    // Which of the two could not be read is not left open.
    memory.disk().clear_faults();
    memory.disk().crash();
    let copied = copy_store(&from, &target, &mut |_| {}).await;
    assert!(matches!(copied, Err(CopyError::ReadBack(_))), "{copied:?}");
    let compared = compare_stores(&from, &target, &mut |_| {}).await;
    assert!(
        matches!(compared, Err(CopyError::ReadBack(_))),
        "{compared:?}"
    );
    let compared = compare_stores(&target, &from, &mut |_| {}).await;
    assert!(matches!(compared, Err(CopyError::Read(_))), "{compared:?}");
}
