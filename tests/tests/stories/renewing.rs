//! An organisation makes its operational keys anew: under load, and while its partner is away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use foedus_daemon::identity_files::{IdentityFiles, KeyRole};
use foedus_tests::harness::organisation::{Organisation, text, told};
use foedus_tests::harness::posting::Posting;
use foedus_tests::harness::raw_link::{self, LINK};
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually, is};
use serde_json::Value;

/// The secret of one of its keys.
fn secret(of: &Organisation, role: KeyRole) -> [u8; 32] {
    let files = IdentityFiles::of(&of.daemon.place.data());
    *files.load(role).expect("its own key").expose()
}

/// Makes keys anew; gives who the organisation says that it is from then on.
#[track_caller]
fn renew(of: &Organisation, role: &str) -> Value {
    of.administrator()
        .json(&["identity", "renew", "--role", role, "--yes"])
}

/// Waits until `of` knows its partner by the identity of this serial.
#[track_caller]
fn knows(of: &Organisation, partner: &str, serial: u64) {
    let administrator = of.administrator();
    eventually("the newest identity to be known", LATER, || {
        let shown = told(administrator.try_json(&["partner", "show", partner]))?;
        is(shown["identity_serial"].as_u64(), Some(serial))
    });
}

#[test]
fn keys_that_are_renewed_under_load_lose_nothing_and_old_ones_open_no_link() {
    let two = Two::sharing("+1h");
    let old = secret(&two.acme, KeyRole::Link);
    let before = two.acme.foedus().json(&["identity", "show"]);
    let tail = Tail::start(&two.globex.member(), ACME_LAUNCH);
    let load = [
        Posting::start_endless(&two.acme.member(), LAUNCH, "acme"),
        Posting::start_endless(&two.globex.member(), ACME_LAUNCH, "globex"),
    ];
    load.iter().for_each(|load| load.reaches(60));
    let before_it = load.each_ref().map(Posting::acknowledged);
    let after = renew(&two.acme, "all");
    // They were under way while it was done: neither stood still for it.
    for (load, before) in load.iter().zip(before_it) {
        assert!(load.acknowledged() > before, "no load at the renewal");
    }
    for key in ["link_key", "sign_key"] {
        assert_ne!(before[key], after[key], "{after}");
    }
    for kept in ["organisation_id", "handle", "root_key", "endpoints"] {
        assert_eq!(before[kept], after[kept], "{after}");
    }
    assert_eq!(after["serial"], 2, "{after}");
    knows(&two.globex, ACME, 2);
    let [acme, globex] = load;
    for load in [&acme, &globex] {
        load.reaches(load.acknowledged() + 60);
    }
    let mut acknowledged = acme.finish();
    acknowledged.extend(globex.finish());
    two.acme.linked_with(GLOBEX);

    // Nothing is lost, and nothing is there twice: at both sides, and for who read all the time.
    let mut found = two.agree();
    eventually("the tail to catch up", LATER, || {
        is(tail.count() >= found.len(), true)
    });
    let mut read = tail.texts();
    for texts in [&mut found, &mut read, &mut acknowledged] {
        texts.sort();
    }
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "something is there twice");
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|text| !distinct.contains(text))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(read, found);

    // What was written after it is in another incarnation of the log, and the load was written in both.
    let messages = two.globex.messages(ACME_LAUNCH);
    let mut written: BTreeMap<String, u64> = BTreeMap::new();
    for message in &messages {
        if text(message, "text").starts_with("acme-") {
            *written.entry(incarnation(message)).or_default() += 1;
        }
    }
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(written.values().all(|count| *count >= 60), "{written:?}");

    // The old key is nobody's any more, as a stranger's is; the new one is Acme's.
    let port = two.globex.daemon.place.link;
    let by_old = raw_link::say(port, &old, LINK, &[]);
    let by_stranger = raw_link::say(port, &[9; 32], LINK, &[]);
    assert!(!by_old.answered, "{by_old:?}");
    assert_eq!(by_old, by_stranger);
    let by_new = raw_link::say(port, &secret(&two.acme, KeyRole::Link), LINK, &[]);
    assert!(by_new.answered, "{by_new:?}");

    let audit = two.acme.administrator().json(&["audit", "list"]);
    assert!(audit.to_string().contains("identity.renew"), "{audit}");
}

/// In which log an entry stands.
fn incarnation(message: &Value) -> String {
    let reference = text(message, "entry_ref");
    let (log, _) = reference.rsplit_once('/').expect("log and sequence");
    log.to_owned()
}

#[test]
fn partners_that_renewed_while_they_were_apart_find_each_other_again() {
    let two = Two::sharing("+1h");
    for organisation in [&two.acme, &two.globex] {
        organisation.network.cut();
    }
    two.acme.member().must(&["post", LAUNCH, "Before."]);
    // Acme again and again, Globex once: neither hears of the other's.
    for role in ["link", "sign", "all"] {
        renew(&two.acme, role);
    }
    renew(&two.globex, "all");
    two.acme.member().must(&["post", LAUNCH, "After."]);
    let there = two.globex.member();
    there.must(&["post", ACME_LAUNCH, "From there."]);
    // Only one side can be dialled.
    two.globex.network.mend();
    two.acme.linked_with(GLOBEX);
    knows(&two.globex, ACME, 4);
    knows(&two.acme, GLOBEX, 2);
    let mut texts = two.agree();
    texts.sort();
    assert_eq!(texts, ["After.", "Before.", "From there."]);
}

#[test]
fn keys_that_were_renewed_without_the_partners_daemon_hold_for_both_after_a_restart() {
    let mut two = Two::sharing("+1h");
    two.globex.daemon.stop();
    let old = secret(&two.acme, KeyRole::Link);
    renew(&two.acme, "all");
    let renewed = secret(&two.acme, KeyRole::Link);
    two.acme.daemon.kill();

    // As if the power had been cut after the note was durable and before its keys were in their place.
    let keys = two.acme.daemon.place.data().join("keys");
    let (used, next) = (keys.join("link.key"), keys.join("link.key.next"));
    let line = fs::read_to_string(&used).expect("a key file");
    fs::rename(&used, &next).expect("it is there");
    let words: Vec<&str> = line.split(' ').collect();
    let other = format!(
        "{} {} {}\n",
        words[0],
        words[1],
        foedus_policy::id::base32(&old)
    );
    fs::copy(&next, &used).expect("copied");
    fs::write(&used, other).expect("written");
    assert_eq!(secret(&two.acme, KeyRole::Link), old);

    two.acme.daemon.start();
    assert_eq!(secret(&two.acme, KeyRole::Link), renewed);
    assert!(!next.exists(), "it took the place of the other");
    two.globex.daemon.start();
    two.globex.linked_with(ACME);
    two.acme.member().must(&["post", LAUNCH, "Under new keys."]);
    assert_eq!(two.agree(), ["Under new keys."]);
}

#[test]
fn keys_are_renewed_by_administrators_with_the_root_key_in_its_place() {
    let two = Two::begin();
    let before = two.acme.foedus().json(&["identity", "show"]);
    let refusal = two.acme.member().refused(&["identity", "renew", "--yes"]);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR", "{refusal:?}");
    let root = two.acme.daemon.place.data().join("keys/root.key");
    let away = root.with_extension("away");
    fs::rename(&root, &away).expect("it is there");
    let refusal = two
        .acme
        .administrator()
        .refused(&["identity", "renew", "--yes"]);
    assert_eq!(refusal.reason, "ROOT_KEY_NEEDED", "{refusal:?}");
    // The question is refused for the same reason: to say yes would not help.
    let asked = two.acme.administrator().refused(&["identity", "renew"]);
    assert_eq!(asked.reason, "ROOT_KEY_NEEDED", "{asked:?}");
    fs::rename(&away, &root).expect("it is there");
    let asked = two.acme.administrator().run(&["identity", "renew"]);
    let told = "nothing was done: acme.example would go on under new keys";
    assert!(
        asked.exit == Some(64) && asked.err.contains(told) && asked.err.contains("--yes"),
        "{asked:#?}"
    );
    assert_eq!(two.acme.foedus().json(&["identity", "show"]), before);
    assert_eq!(renew(&two.acme, "sign")["serial"], 2);
    let denied = two
        .acme
        .administrator()
        .json(&["audit", "list", "--denied"]);
    assert!(denied.to_string().contains("identity.renew"), "{denied}");
}

/// The note that names the new keys is durable, and one of them does not get into its place: said once more, it does, and
/// the daemon starts under what the note names.
#[test]
fn a_renewal_that_was_cut_off_between_its_note_and_its_keys_is_finished_by_the_next() {
    let mut two = Two::sharing("+1h");
    let sign = two.acme.daemon.place.data().join("keys/sign.key");
    fs::remove_file(&sign).expect("it is there");
    fs::create_dir(&sign).expect("its name is free");
    let alice = two.acme.administrator();
    let renew = ["identity", "renew", "--yes"];
    let failed = alice.run(&renew);
    assert_ne!(failed.exit, Some(0), "{failed:?}");
    fs::remove_dir(&sign).expect("ours");
    alice.must(&renew);
    assert!(sign.is_file());
    two.acme.daemon.stop();
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    two.acme.member().must(&["post", LAUNCH, "Under new keys."]);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "We hear you."]);
    let mut texts = two.agree();
    texts.sort();
    assert_eq!(texts, ["Under new keys.", "We hear you."]);
}
