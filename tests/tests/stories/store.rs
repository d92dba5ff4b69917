//! What an operator does with a store while its daemon is stopped: `foedusd store check`, `copy` and `compact`.

use std::fs;
use std::path::Path;

use foedus_daemon::store::EngineKind;
use foedus_tests::harness::daemon::{Daemon, store_command};
use foedus_tests::harness::disk;
use foedus_tests::harness::two::{ACME_LAUNCH, GLOBEX, LAUNCH, Two};

const SOUND: Option<i32> = Some(0);
const DAMAGED: Option<i32> = Some(65);
const IN_USE: Option<i32> = Some(69);
const TAKEN: Option<i32> = Some(73);

fn talked() -> (Two, Vec<String>) {
    let two = Two::sharing("+1h");
    for number in 0..20 {
        two.acme
            .member()
            .must(&["post", LAUNCH, &format!("from acme {number}")]);
        two.globex
            .member()
            .must(&["post", ACME_LAUNCH, &format!("from globex {number}")]);
    }
    let texts = two.agree();
    (two, texts)
}

#[test]
fn a_store_is_copied_to_the_other_engine_and_the_daemon_goes_on_there() {
    let (mut two, texts) = talked();
    let to = two.folder.path().join("moved");
    let to_text = to.display().to_string();
    let copy = ["copy", "--to", &to_text, "--engine", "fjall"];
    let (status, _, said) = store_command(&two.acme.daemon.place, &copy);
    assert_eq!(status, IN_USE, "{said}");
    assert!(said.contains("end the other daemon"), "{said}");
    assert!(!to.exists(), "nothing was made");

    two.acme.daemon.stop();
    let (status, copied, said) = store_command(&two.acme.daemon.place, &copy);
    assert_eq!(status, SOUND, "{said}");
    assert_eq!(copied["engine"], "fjall");
    assert!(copied["keys"].as_u64() > Some(40), "{copied}");
    let (status, _, said) = store_command(&two.acme.daemon.place, &copy);
    assert_eq!(status, TAKEN, "{said}");

    // The folder takes the place of the one before, as the handbook says.
    let data = two.acme.daemon.place.data();
    fs::rename(&data, two.folder.path().join("before")).expect("ours");
    fs::rename(&to, &data).expect("ours");
    let mut place = two.acme.daemon.place.clone();
    place.engine = Some(EngineKind::Fjall);
    let (status, checked, said) = store_command(&place, &["check"]);
    assert_eq!(status, SOUND, "{said}");
    assert_eq!(checked["engine"], "fjall");
    two.acme.daemon = Daemon::new(place);
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    assert_eq!(two.agree(), texts);
    two.acme
        .member()
        .must(&["post", LAUNCH, "from the new folder"]);
    assert_eq!(two.agree().len(), texts.len() + 1);
}

#[test]
fn a_store_that_was_compacted_is_sound_and_has_everything() {
    let (mut two, texts) = talked();
    two.acme.daemon.stop();
    let place = two.acme.daemon.place.clone();
    let before = disk::pairs(&place.data());
    let (status, compacted, said) = store_command(&place, &["compact"]);
    assert_eq!(status, SOUND, "{said}");
    assert_eq!(compacted["keys"], before.len());
    assert!(disk::pairs(&place.data()) == before, "the same pairs");
    let (status, checked, said) = store_command(&place, &["check"]);
    assert_eq!(status, SOUND, "{said}");
    assert_eq!(checked["sound"], true);
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    assert_eq!(two.agree(), texts);
}

/// Writes one value of a store anew.
fn change(data: &Path, change: impl Fn(&mut Vec<u8>) -> bool) {
    use foedus_daemon::store::{DataFolder, Engine, Store as _, StoreOptions};
    use foedus_federation::batch::{Batch, CommitOutcome};
    let mut changed = None;
    for (key, mut value) in disk::pairs(data) {
        if change(&mut value) {
            changed = Some((key, value));
            break;
        }
    }
    let batch = Batch {
        puts: vec![changed.expect("there is such a value")],
        ..Batch::default()
    };
    let folder = DataFolder::lock(data).expect("the daemon has ended");
    let engine = Engine::open(&folder, &StoreOptions::default()).expect("the store opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let outcome = runtime
        .expect("a runtime")
        .block_on(engine.try_commit(batch));
    assert_eq!(outcome.expect("there is room"), CommitOutcome::Durable);
}

#[test]
fn a_check_names_what_is_damaged_and_what_to_do() {
    let (mut two, _) = talked();
    two.acme.daemon.stop();
    let place = two.acme.daemon.place.clone();
    let (status, checked, said) = store_command(&place, &["check"]);
    assert_eq!(status, SOUND, "{said}");
    assert_eq!(checked["sound"], true, "{checked}");
    assert_eq!(checked["faults_found"], 0);
    for counted in ["channels", "logs", "entries", "bodies", "audit_entries"] {
        assert!(checked[counted].as_u64() > Some(0), "{counted}: {checked}");
    }
    // One letter of one message.
    change(&place.data(), |value| {
        let text = b"from globex 7";
        let at = value.windows(text.len()).position(|window| window == text);
        at.is_some_and(|at| {
            value[at] = b'F';
            true
        })
    });
    let (status, checked, said) = store_command(&place, &["check"]);
    assert_eq!(status, DAMAGED, "{said}");
    assert_eq!(checked["sound"], false);
    assert_eq!(checked["faults_found"], 1, "{checked}");
    let fault = checked["faults"][0].as_str().expect("a text");
    assert!(fault.contains("what the header commits to"), "{fault}");
    let to_do = checked["to_do"].as_str().expect("a text");
    assert!(to_do.contains("from backup"), "{to_do}");
}
