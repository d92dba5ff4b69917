//! A daemon whose store is damaged: it ends and says so, or it shows what was written. Never anything else.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foedus_proto::api::v1;
use foedus_proto::api::v1::message_service_client::MessageServiceClient;

use super::serving::{as_anna, connect, make_acme, texts};
use super::{foedusd, home, start, terminate};

/// Messages in the store, enough for several of its segments to have been written.
const MESSAGES: usize = 200;

fn text(number: usize) -> String {
    format!("{number} {}", "word ".repeat(200))
}

/// A home with a channel full of messages, whose daemon has ended.
async fn full() -> tempfile::TempDir {
    let home = home();
    let mut child = start(home.path());
    let channel = connect(home.path()).await;
    make_acme(&channel).await;
    let mut messages = MessageServiceClient::new(channel);
    for number in 0..MESSAGES {
        let post = v1::PostRequest {
            channel: "launch".to_owned(),
            text: text(number),
            ..v1::PostRequest::default()
        };
        messages.post(as_anna(post)).await.expect("posted");
    }
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    home
}

fn store(home: &Path) -> PathBuf {
    home.join(".local/share/foedus/store/sled")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("listed");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("of a kind") {
            kind if kind.is_dir() => copy(&entry.path(), &to),
            kind if kind.is_file() => drop(fs::copy(entry.path(), to).expect("copied")),
            _ => {}
        }
    }
}

/// How a start goes.
#[derive(Debug)]
enum Outcome {
    /// It ended, with this status and these words.
    Ended(Option<i32>, String),
    /// It serves, and shows this.
    Shown(Vec<String>),
}

async fn outcome(home: &Path) -> Outcome {
    let mut child = foedusd(home).spawn().expect("it runs");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            break status;
        }
        // The socket is there before the store is open.
        let asked = tokio::time::timeout(Duration::from_secs(5), texts(home)).await;
        if let Ok(Some(shown)) = asked {
            terminate(&child);
            child.wait().expect("it ends");
            return Outcome::Shown(shown);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{asked:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut said).expect("UTF-8");
    Outcome::Ended(status.code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_ends_the_daemon_with_a_clear_text_and_shows_nothing_wrong() {
    let sound = full().await;
    let expected: Vec<String> = (0..MESSAGES).rev().map(text).collect();
    let db = fs::read(store(sound.path()).join("db")).expect("it is there");
    let used = db.iter().rposition(|byte| *byte != 0).expect("not empty");
    let mut refused = 0;
    // Where, how much: the head of the file, the middle, single records and long stretches, the end, all of it.
    let damages = [
        (0, 64),
        (used / 8, 64),
        (used / 4, 4096),
        (used / 2, 1),
        (used / 2, 65_536),
        (used * 3 / 4, 64),
        (used - 200, 200),
        (0, used),
    ];
    for (at, bytes) in damages {
        let home = tempfile::tempdir().expect("a folder");
        copy(sound.path(), home.path());
        let mut damaged = db.clone();
        for byte in &mut damaged[at..at + bytes] {
            *byte ^= 0x5a;
        }
        fs::write(store(home.path()).join("db"), damaged).expect("written");
        match outcome(home.path()).await {
            Outcome::Ended(code, said) => {
                assert!(
                    matches!(code, Some(65 | 70)),
                    "{at}, {bytes}: {code:?} {said}"
                );
                assert!(said.starts_with("foedusd: "), "{at}, {bytes}: {said}");
                assert!(
                    said.contains("damage") || said.contains("corrupt"),
                    "{at}, {bytes}: {said}"
                );
                refused += 1;
            }
            // What was damaged was not in use any more.
            Outcome::Shown(shown) => assert!(
                messages(shown) == expected,
                "{at}, {bytes}: it shows something else than was written"
            ),
        }
    }
    assert!(refused > damages.len() / 2, "only {refused} were found");
    // The sound one is not refused.
    match outcome(sound.path()).await {
        Outcome::Shown(shown) => assert!(messages(shown) == expected),
        ended => panic!("{ended:?}"),
    }
}

/// Without what the daemon writes itself when somebody joins.
fn messages(shown: Vec<String>) -> Vec<String> {
    shown.into_iter().filter(|text| !text.is_empty()).collect()
}
