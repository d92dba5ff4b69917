//! The writer over a disk that does what the test says.

use std::io;
use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Script {
    pairs: BTreeMap<Key, Value>,
    /// Sizes of the groups that were written.
    groups: Vec<usize>,
    /// What the next writes end with.
    errors: Vec<io::ErrorKind>,
    /// Whether those write all the same, before they end so.
    errs_late: bool,
    failure: Option<io::ErrorKind>,
    reopened: usize,
    panics: bool,
}

#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Disk for Scripted {
    const GROUP: GroupBounds = GroupBounds {
        bytes_max: 1024 * 1024,
        pairs_max: 200,
    };

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.script().pairs.get(key).cloned())
    }

    fn apply(&mut self, writes: &Writes) -> Result<(), StoreError> {
        let mut script = self.script();
        assert!(!script.panics, "the engine found its files damaged");
        let error = script.errors.pop();
        if let Some(kind) = error
            && !script.errs_late
        {
            return Err(StoreError::io("disk", kind.into()));
        }
        script.groups.push(writes.len());
        for (key, value) in writes {
            match value.clone() {
                Some(value) => script.pairs.insert(key.clone(), value),
                None => script.pairs.remove(key),
            };
        }
        match error {
            Some(kind) => Err(StoreError::io("disk", kind.into())),
            None => Ok(()),
        }
    }

    fn fail(&mut self, cause: StoreError) {
        let StoreError::Io { source, .. } = &cause else {
            panic!("unexpected {cause}")
        };
        self.script().failure = Some(source.kind());
    }

    fn failure(&self) -> Option<StoreError> {
        self.script().failure.map(|kind| match kind {
            io::ErrorKind::StorageFull => StoreError::OutOfSpace,
            kind => StoreError::Failed {
                cause: Arc::new(StoreError::io("disk", kind.into())),
            },
        })
    }

    fn reopen(&mut self) {
        let mut script = self.script();
        script.failure = None;
        script.reopened += 1;
    }
}

fn writer(disk: &Scripted, reserve_bytes: u64) -> Writer {
    Writer::spawn(disk.clone(), PathBuf::from("/"), reserve_bytes).expect("a thread can be started")
}

fn put(key: &[u8], value: &[u8]) -> Batch {
    Batch {
        puts: vec![(key.to_vec(), value.to_vec())],
        ..Batch::default()
    }
}

/// Requests as they lie in the queue, and the ends that hear the answers.
fn queue(batches: Vec<Batch>) -> (Receiver<Request>, Vec<oneshot::Receiver<Answer>>) {
    let room = Arc::new(Semaphore::new(1000));
    let (sender, requests) = channel();
    let mut answers = Vec::new();
    for batch in batches {
        let _room = Arc::clone(&room)
            .try_acquire_owned()
            .expect("a thousand are enough");
        let (answer, heard) = oneshot::channel();
        sender
            .send(Request {
                batch,
                answer,
                _room,
            })
            .expect("the receiver is here");
        answers.push(heard);
    }
    (requests, answers)
}

fn run(disk: &Scripted, batches: Vec<Batch>) -> Vec<Answer> {
    let (requests, answers) = queue(batches);
    let reserve = Reserve {
        path: PathBuf::from("/"),
        bytes: 0,
    };
    Loop {
        disk: disk.clone(),
        requests,
        reserve,
        next: None,
    }
    .run();
    answers
        .into_iter()
        .map(|mut heard| heard.try_recv().expect("all are answered"))
        .collect()
}

#[test]
fn a_group_shares_one_write_and_sees_its_own_batches() {
    let disk = Scripted::default();
    let expect = |value: Option<&[u8]>| {
        vec![Expect {
            key: b"a".to_vec(),
            value: value.map(<[u8]>::to_vec),
        }]
    };
    let answers = run(
        &disk,
        vec![
            Batch {
                expect: expect(None),
                ..put(b"a", b"1")
            },
            Batch {
                expect: expect(None),
                ..put(b"b", b"x")
            },
            Batch {
                expect: expect(Some(b"1")),
                ..put(b"a", b"2")
            },
            Batch {
                expect: expect(Some(b"2")),
                deletes: vec![b"a".to_vec()],
                ..Batch::default()
            },
            Batch {
                expect: expect(None),
                ..put(b"c", b"3")
            },
        ],
    );
    let outcomes: Vec<CommitOutcome> = answers
        .into_iter()
        .map(|answer| answer.expect("nothing is refused"))
        .collect();
    use CommitOutcome::{Conflict, Durable};
    assert_eq!(outcomes, [Durable, Conflict, Durable, Durable, Durable]);
    assert_eq!(disk.script().groups, [2], "one write of the keys a and c");
    assert_eq!(
        disk.script().pairs.keys().collect::<Vec<_>>(),
        [&b"c".to_vec()]
    );
}

#[test]
fn a_group_ends_at_its_bounds() {
    let disk = Scripted::default();
    let value = vec![0; 60 * 1024];
    let large = (0..40u8).map(|key| put(&[key], &value)).collect();
    run(&disk, large);
    assert_eq!(disk.script().groups, [17, 17, 6], "a mebibyte at a time");
    let disk = Scripted::default();
    let small = (0..600u16)
        .map(|key| put(&key.to_be_bytes(), b""))
        .collect();
    run(&disk, small);
    assert_eq!(
        disk.script().groups,
        [200, 200, 200],
        "so many pairs at a time"
    );
    let disk = Scripted::default();
    run(&disk, vec![Batch::default(); 600]);
    assert!(
        disk.script().groups.is_empty(),
        "nothing to write is not written"
    );
}

#[tokio::test]
async fn a_failed_write_is_unknown_and_stays_failed() {
    let disk = Scripted::default();
    disk.script().errors = vec![io::ErrorKind::Other];
    let writer = writer(&disk, 0);
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::Unknown)
    ));
    let after = writer.commit(put(b"a", b"1")).await;
    assert!(matches!(after, Err(StoreError::Failed { .. })), "{after:?}");
    assert_eq!(
        disk.script().reopened,
        0,
        "a disk that errs is not believed again"
    );
}

#[tokio::test]
async fn without_space_the_engine_is_opened_again() {
    let disk = Scripted::default();
    disk.script().errors = vec![io::ErrorKind::StorageFull];
    let writer = writer(&disk, 1);
    // Opened again, the engine says what became of it: nothing.
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::DiskFull)
    ));
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::Durable)
    ));
    assert_eq!(disk.script().reopened, 1);
}

#[tokio::test]
async fn what_was_written_before_the_space_ran_out_is_told_as_written() {
    let disk = Scripted::default();
    disk.script().errors = vec![io::ErrorKind::StorageFull];
    disk.script().errs_late = true;
    let writer = writer(&disk, 1);
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::Durable)
    ));
    assert_eq!(
        disk.script().groups,
        [1, 1],
        "what was read back is written once more before it is told as durable"
    );
    assert_eq!(disk.script().reopened, 1);
}

#[tokio::test]
async fn below_the_reserve_the_engine_is_not_asked() {
    let disk = Scripted::default();
    let full = writer(&disk, u64::MAX);
    assert!(matches!(
        full.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::DiskFull)
    ));
    let deletes = Batch {
        deletes: vec![b"a".to_vec()],
        ..Batch::default()
    };
    assert!(matches!(
        full.commit(deletes).await,
        Ok(CommitOutcome::DiskFull)
    ));
    drop(full);
    assert!(disk.script().groups.is_empty());
    // Out of space and below the reserve: not opened again, not applied.
    disk.script().failure = Some(io::ErrorKind::StorageFull);
    let full = writer(&disk, u64::MAX);
    assert!(matches!(
        full.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::DiskFull)
    ));
    assert_eq!(disk.script().reopened, 0);
}

#[tokio::test]
async fn after_a_panic_nothing_is_written() {
    let disk = Scripted::default();
    disk.script().panics = true;
    let writer = writer(&disk, 0);
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::Unknown)
    ));
    // The thread may take a moment to end; until then a batch meets the same fate.
    while matches!(
        writer.commit(put(b"a", b"1")).await,
        Ok(CommitOutcome::Unknown)
    ) {
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        writer.commit(put(b"a", b"1")).await,
        Err(StoreError::Stopped)
    ));
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_writer_ends() {
    let disk = Scripted::default();
    let writer = writer(&disk, 0);
    let mut commit = Box::pin(writer.commit(put(b"a", b"1")));
    // Begun, and then given up by the caller.
    let begun = std::future::poll_fn(|context| {
        std::task::Poll::Ready(commit.as_mut().poll(context).is_ready())
    });
    begun.await;
    drop(commit);
    drop(writer);
    assert_eq!(disk.script().pairs.len(), 1);
}

#[test]
fn room_in_the_queue_is_never_more_than_there_is() {
    let expect = |_| Expect {
        key: b"k".to_vec(),
        value: Some(vec![0; 64 * 1024]),
    };
    let batch = Batch {
        expect: (0..4096).map(expect).collect(),
        ..Batch::default()
    };
    assert_eq!(
        room_of(&batch) as usize,
        COMMIT_QUEUE_BYTES_MAX / PERMIT_BYTES
    );
    assert_eq!(
        room_of(&put(b"a", b"1")) as usize,
        COMMIT_QUEUE_BATCH_BYTES_MIN / PERMIT_BYTES
    );
}
