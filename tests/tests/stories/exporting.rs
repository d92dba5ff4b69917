//! Step 11: what was said is taken away, and proves itself to whoever has it, without any daemon.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use foedus_federation::export::{Claims, Report, Verifier};
use foedus_tests::harness::command::{Foedus, with_json};
use foedus_tests::harness::organisation::{Organisation, text, told};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, eventually};
use serde_json::Value;

/// Posts, an answer, an edit, reactions and something taken back, on both sides.
fn talk(two: &Two) {
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    let post = |foedus: &Foedus, channel: &str, words: &str| {
        text(&foedus.json(&["post", channel, words]), "entry_ref")
    };
    let date = post(&anna, LAUNCH, "The date is the third.");
    let question = post(&gwen, ACME_LAUNCH, "Who brings the cake?");
    let slip = post(&gwen, ACME_LAUNCH, "The password is 1234.");
    two.agree();
    anna.must(&["post", LAUNCH, "I do.", "--reply-to", &question]);
    anna.must(&["edit", LAUNCH, &date, "The date is the fourth."]);
    gwen.must(&["retract", ACME_LAUNCH, &slip]);
    gwen.must(&["react", ACME_LAUNCH, &date, "👍"]);
    anna.must(&["react", LAUNCH, &question, "🎂"]);
    anna.must(&["react", LAUNCH, &question, "🎂", "--remove"]);
    two.agree();
}

/// Waits until the only channel of the project has ended, and both records of that are here.
#[track_caller]
fn over(organisation: &Organisation) {
    let administrator = organisation.administrator();
    eventually("both disconnect records", LATER, || {
        let shown = told(administrator.try_json(&["project", "show", PROJECT]))?;
        let end = &shown["channel_ends"][0];
        let both = end["records"].as_array().is_some_and(|all| all.len() == 2);
        match both && end["records_missing"] == Value::Array(Vec::new()) {
            true => Ok(()),
            false => Err(shown.to_string()),
        }
    });
}

fn in_folder(two: &Two, name: &str) -> PathBuf {
    two.folder.path().join(name)
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Somebody who has the file, and no daemon.
fn nobody(two: &Two) -> Foedus {
    let folder = two.folder.path();
    Foedus::by_socket(&folder.join("no-daemon.sock"), folder)
}

/// What is said of a file that was changed: what is wrong, and where.
#[track_caller]
fn found(two: &Two, noun: &str, path: &Path) -> Value {
    let answer = nobody(two).run(&with_json(&[noun, "verify", name(path)]));
    let report: Value = serde_json::from_str(&answer.out).expect("a report is told all the same");
    let refusal = answer.refusal();
    assert_eq!((refusal.exit, refusal.reason.as_str()), (65, "NOT_GENUINE"));
    assert_eq!(report["genuine"], false);
    report
}

/// Changes a byte here and there; each change is found, and, of a channel, in its line: a line of the audit log has no
/// check of its own.
fn changes_are_found(two: &Two, noun: &str, path: &Path, samples: usize) {
    let bytes = std::fs::read(path).expect("it was written");
    let changed = in_folder(two, "changed");
    for sample in 0..samples {
        let at = sample * (bytes.len() - 1) / (samples - 1);
        let mut other = bytes.clone();
        other[at] ^= 1;
        std::fs::write(&changed, &other).expect("there is room");
        let report = found(two, noun, &changed);
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        if noun == "log" {
            assert_eq!(report["faults"][0]["line"], line, "byte {at}: {report}");
        }
    }
    let half = &bytes[..bytes.len() / 2];
    std::fs::write(&changed, half).expect("there is room");
    let report = found(two, noun, &changed);
    let faults = report["faults"].as_array().expect("a list");
    assert!(
        faults.iter().any(|fault| fault["reason"] == "CUT_OFF"),
        "{report}"
    );
}

#[test]
fn a_whole_conversation_proves_itself_wherever_it_was_exported() {
    let mut two = Two::sharing_for_a_while();
    talk(&two);
    over(&two.acme);
    over(&two.globex);
    let mut files = Vec::new();
    for (organisation, channel) in [(&two.acme, LAUNCH), (&two.globex, ACME_LAUNCH)] {
        let file = in_folder(&two, &format!("{channel}.foedus"));
        let member = organisation.member();
        let told = member.text(&["log", "export", channel, "--to", name(&file)]);
        assert!(told.contains("foedus log verify"), "{told}");
        // Acme opened the channel, and somebody joined it, before it was shared.
        let before = told.contains("entries from before the channel was shared");
        assert_eq!(before, channel == LAUNCH, "{told}");
        let twice = member.run(&["log", "export", channel, "--to", name(&file)]);
        assert_eq!(twice.exit, Some(73), "no file is written over: {twice:#?}");
        files.push(file);
    }
    let record = two
        .acme
        .administrator()
        .json(&["audit", "list", "--action", "channel.export"]);
    assert_eq!(
        record["records"][0]["actor"], "anna@acme.example",
        "{record}"
    );
    assert_eq!(record["records"][0]["subject"], LAUNCH);
    let ids = [&two.acme, &two.globex].map(Organisation::id);
    two.acme.daemon.kill();
    two.globex.daemon.kill();

    for (file, exporter) in files.iter().zip(&ids) {
        let report = nobody(&two).json(&["log", "verify", name(file)]);
        assert_eq!(report["genuine"], true, "{report}");
        assert_eq!(report["exported_by"], exporter.as_str());
        assert_eq!(report["missing"], Value::Array(Vec::new()), "{report}");
        let organisations = report["organisations"].as_array().expect("a list");
        for (id, handle) in ids.iter().zip([ACME, GLOBEX]) {
            let found = organisations
                .iter()
                .find(|one| one["organisation_id"] == id.as_str());
            let found = found.expect("both wrote");
            assert_eq!(
                (&found["handle"], &found["void"]),
                (&handle.into(), &0.into())
            );
            let taken_back = usize::from(handle == GLOBEX);
            assert_eq!(found["absent"], taken_back, "{report}");
        }
        let told = nobody(&two).text(&["log", "verify", name(file)]);
        assert!(
            told.contains("All of it is genuine") && told.contains(GLOBEX),
            "{told}"
        );
    }
    changes_are_found(&two, "log", &files[0], 8);
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

/// What the library says of an export, without the program around it.
fn verified(bytes: &[u8]) -> Report {
    let mut claims = Claims::default();
    lines(bytes).for_each(|line| claims.line(line));
    let mut verifier = Verifier::new(claims);
    lines(bytes).for_each(|line| verifier.line(line, line.len() as u64));
    verifier.finish()
}

/// Changes each byte in turn, but in lines of `elsewhere`; each change is found, in its line. Gives how many.
fn each_byte_counts(file: &Path, elsewhere: &BTreeSet<Vec<u8>>) -> usize {
    let bytes = std::fs::read(file).expect("it was written");
    let whole = verified(&bytes);
    assert!(whole.is_genuine(), "{file:?}: {:?}", whole.faults);
    assert_eq!(whole.organisations.len(), 2, "{file:?}: both wrote");
    let (mut at, mut count) = (0, 0);
    for (number, line) in (1..).zip(lines(&bytes)) {
        let begins = at;
        at += line.len();
        if elsewhere.contains(line) {
            continue;
        }
        for at in begins..at {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let report = verified(&changed);
            let found = report.faults.first();
            let found = found.unwrap_or_else(|| panic!("{file:?}: byte {at} was missed"));
            assert_eq!(found.line, number, "{file:?}: byte {at}: {found}");
            count += 1;
        }
    }
    count
}

#[test]
fn every_changed_byte_of_what_a_daemon_exported_is_found_in_its_line() {
    let two = Two::sharing("+1h");
    two.acme.member().must(&["post", LAUNCH, "From Acme."]);
    two.agree();
    let gwen = two.globex.member();
    gwen.must(&["post", ACME_LAUNCH, "From Globex."]);
    assert_eq!(two.agree(), ["From Acme.", "From Globex."]);
    let sides = [(&two.acme, LAUNCH), (&two.globex, ACME_LAUNCH)];
    let files = sides.map(|(organisation, channel)| {
        let file = in_folder(&two, &format!("{channel}.foedus"));
        let member = organisation.member();
        member.must(&["log", "export", channel, "--to", name(&file)]);
        file
    });
    // What both have said is in both: it is changed in one of them.
    let [acme, globex] = &files;
    let of_acme = std::fs::read(acme).expect("it was written");
    let of_acme: BTreeSet<Vec<u8>> = lines(&of_acme).map(<[u8]>::to_vec).collect();
    let nothing = BTreeSet::new();
    let counts = std::thread::scope(|scope| {
        let globex = scope.spawn(|| each_byte_counts(globex, &of_acme));
        let acme = each_byte_counts(acme, &nothing);
        [acme, globex.join().expect("it found all")]
    });
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
    for file in &files {
        changes_are_found(&two, "log", file, 4);
    }
}

#[test]
fn who_may_read_a_channel_may_export_what_is_read() {
    let two = Two::sharing("+1h");
    talk(&two);
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    let file = in_folder(&two, "all.foedus");
    let all = |channel| {
        [
            "log",
            "export",
            channel,
            "--to",
            name(&file),
            "--all-bodies",
        ]
    };
    let refusal = gwen.refused(&all(ACME_LAUNCH));
    assert_eq!(
        (refusal.reason.as_str(), refusal.exit),
        ("NOT_ADMINISTRATOR", 77)
    );
    assert!(!file.exists(), "nothing is left of what was refused");
    two.globex.administrator().must(&all(ACME_LAUNCH));
    let report = nobody(&two).json(&["log", "verify", name(&file)]);
    let organisations = report["organisations"].as_array().expect("a list");
    assert!(
        organisations.iter().all(|one| one["absent"] == 0),
        "{report}"
    );

    two.acme
        .administrator()
        .must(&["channel", "create", "board", "--private"]);
    let file = in_folder(&two, "board.foedus");
    let board = ["log", "export", "board", "--to", name(&file)];
    assert_eq!(anna.refused(&board).reason, "CHANNEL_UNKNOWN");
    two.acme.administrator().must(&board);
    let report = nobody(&two).json(&["log", "verify", name(&file)]);
    assert_eq!(
        (&report["genuine"], &report["charters"]),
        (&true.into(), &0.into())
    );

    let nothing = nobody(&two).run(&["log", "verify", name(&in_folder(&two, "none"))]);
    assert_eq!(nothing.exit, Some(66), "{nothing:#?}");
    std::fs::write(in_folder(&two, "other"), "Dear Sir,\n\nit was not me.\n").expect("room");
    let report = found(&two, "log", &in_folder(&two, "other"));
    assert_eq!(report["faults"][0]["reason"], "FIRST_LINE", "{report}");
    for noun in ["log", "audit"] {
        let told = nobody(&two).run(&[noun, "verify", name(&in_folder(&two, "other"))]);
        assert!(
            told.out.starts_with("This is no file that `foedus "),
            "{told:#?}"
        );
        assert!(!told.out.contains("line 2"), "{told:#?}");
    }
}

#[test]
fn the_audit_log_proves_itself_whole_or_in_part() {
    let mut two = Two::sharing("+1h");
    two.acme.daemon.kill();
    two.acme.daemon.start();
    let alice = two.acme.administrator();
    let whole = alice.json(&["audit", "verify"]);
    assert_eq!(
        (&whole["genuine"], &whole["absent"]),
        (&true.into(), &0.into()),
        "{whole}"
    );
    let runs = whole["runs"].as_u64().expect("a number");
    assert!(runs >= 2, "it goes on after a kill: {whole}");
    assert_eq!(
        two.acme.member().refused(&["audit", "verify"]).reason,
        "NOT_ADMINISTRATOR"
    );

    let (file, part) = (
        in_folder(&two, "audit.jsonl"),
        in_folder(&two, "part.jsonl"),
    );
    alice.must(&["audit", "export", "--to", name(&file)]);
    alice.must(&["audit", "export", "--to", name(&part), "--partner", GLOBEX]);
    two.acme.daemon.kill();
    let lines = std::fs::read_to_string(&file).expect("it was written");
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect();
    let denied = records.iter().find(|one| one["outcome"] == "denied");
    assert_eq!(denied.expect("it is in it")["rule"], "NOT_ADMINISTRATOR");
    assert!(records.iter().any(|one| one["action"] == "audit.export"));
    let verified = nobody(&two).json(&["audit", "verify", name(&file)]);
    assert_eq!(verified["genuine"], true, "{verified}");
    let of_part = nobody(&two).json(&["audit", "verify", name(&part)]);
    assert_eq!(of_part["genuine"], true, "{of_part}");
    let left_out = of_part["absent"].as_u64().expect("a number");
    assert!(left_out > 0, "{of_part}");
    assert!(
        !std::fs::read_to_string(&part)
            .expect("written")
            .contains("member.add")
    );
    changes_are_found(&two, "audit", &file, 8);
}
