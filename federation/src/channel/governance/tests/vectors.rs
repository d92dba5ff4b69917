//! The files of tests/vectors/charters: who may be handed which body, and verdicts.
//!
//! Each begins with the notes that are learnt, as signed notes, so that another implementation can
//! come to the same. Nothing is written unless `FOEDUS_WRITE_VECTORS=1` asks for it.

use std::fmt::Write as _;
use std::path::PathBuf;

use data_encoding::{BASE64, HEXLOWER};
use foedus_policy::id::{AuthorId, ChannelId};
use foedus_policy::vocabulary::AuthorKind;

use super::*;
use crate::channel::Log;
use crate::channel::judge::{Void, void};
use crate::entry::{Entry, LogId, Place, compose};
use crate::hlc::Hlc;
use crate::kind::{Body, Opened};
use crate::note::value::LogHead;

const HOOLI: u8 = 40;
const NAMES: [(u8, &str); 4] = [
    (ACME, "acme"),
    (GLOBEX, "globex"),
    (INITECH, "initech"),
    (HOOLI, "hooli"),
];

/// What a giver holds, note by note, and the file that says so.
struct Scene {
    governance: Governance,
    file: String,
}

impl Scene {
    /// Acme, Globex and Initech in a channel that Acme hosts and holds.
    fn new(name: &str) -> (Self, Charter) {
        let mut scene = Self {
            governance: Governance::local(us()),
            file: format!("\ncase: {name}\n"),
        };
        let first = first();
        scene.seal(&first, &[GLOBEX, INITECH]);
        (scene, first)
    }

    fn learn(&mut self, note: &GovernanceNote) {
        self.governance.must(note);
        writeln!(self.file, "note: {}", BASE64.encode(note.bytes())).expect("a string");
    }

    fn seal(&mut self, charter: &Charter, roots: &[u8]) {
        let yes: Vec<_> = roots
            .iter()
            .map(|root| consent(charter, *root, AT.plus_millis(DAY_MILLIS)))
            .collect();
        self.seal_with(charter, &yes);
    }

    fn seal_with(&mut self, charter: &Charter, yes: &[Verified<Consent>]) {
        self.learn(&charter_note(charter));
        for consent in yes {
            self.learn(&GovernanceNote::Consent(consent.clone()));
        }
        let cited: Vec<_> = yes.iter().collect();
        self.learn(&seal(charter, &cited, AT));
    }

    /// One line for each author's organisation, revision that it wrote under, and reader.
    fn bodies(mut self) -> String {
        let revisions: Vec<(u64, NoteHash)> = self
            .governance
            .revisions
            .iter()
            .map(|revision| (revision.charter().number, revision.hash()))
            .collect();
        for (author, by) in NAMES {
            for (number, hash) in &revisions {
                for (reader, to) in NAMES {
                    let revision = self.governance.revision(*hash).expect("held");
                    if revision.access(org(author)).is_none() {
                        continue;
                    }
                    let may = self
                        .governance
                        .may_hand_body(org(author), *hash, org(reader));
                    let may = if may { "may" } else { "may not" };
                    writeln!(self.file, "body: {by} {number} {to} {may}").expect("a string");
                }
            }
        }
        self.file
    }

    /// Globex's log of these entries, each with the verdict on it.
    fn entries(mut self, channel: ChannelId, said: &[(NoteHash, u64, Body)]) -> String {
        let id = globex_log(channel);
        let mut log = Log::empty();
        for (sequence, (revision, millis, body)) in (0..).zip(said) {
            let place = Place {
                log: id,
                sequence,
                hlc: Hlc::at(AT.plus_millis(*millis)),
                revision: *revision,
                author: AuthorId([7; 16]),
            };
            let mut entry = compose(&place, body, [sequence as u8; 32]).expect("it fits");
            entry.check_time(log.hlc);
            let verdict = verdict(&self.governance, &entry, &log);
            let body = entry.raw.body.as_ref().expect("composed with its body");
            writeln!(
                self.file,
                "header: {}\nsalt: {}\nbody: {}\nverdict: {verdict}",
                HEXLOWER.encode(&entry.raw.header),
                HEXLOWER.encode(&body.salt),
                HEXLOWER.encode(&body.bytes),
            )
            .expect("a string");
            log.hlc = log.hlc.max(entry.header.hlc);
            let number = self.governance.revision(*revision);
            let number = number.map_or(0, |revision| revision.charter().number);
            log.revision = log.revision.max(number);
        }
        self.file
    }
}

fn globex_log(channel: ChannelId) -> LogId {
    LogId {
        channel,
        origin: org(GLOBEX),
        incarnation: IncarnationId([0x14; 16]),
    }
}

/// By the numbers of PROTOCOL 7.4.
fn verdict(governance: &Governance, entry: &Entry, log: &Log) -> &'static str {
    let joins = matches!(entry.body, Some(Body::Joined { .. }));
    match void(governance, entry, log) {
        None => "wait",
        Some(Ok(())) => "accepted",
        Some(Err(Void::Fault)) => "void 1",
        Some(Err(Void::RevisionWentBack)) => "void 2",
        Some(Err(Void::NotAParticipant)) => "void 3",
        Some(Err(Void::AfterFinalHeads)) => "void 4",
        Some(Err(Void::AfterTheEnd)) => "void 5",
        Some(Err(Void::ReadOnly)) => "void 6",
        Some(Err(Void::NotGranted)) if joins => "void 8",
        Some(Err(Void::NotGranted)) => "void 7",
        Some(Err(Void::NotItsOwn)) => "void 9",
        Some(Err(Void::TooLong)) => "void 10",
    }
}

fn check_file(name: &str, about: &str, cases: Vec<String>) {
    let about: String = about.lines().map(|line| format!("# {line}\n")).collect();
    let mut expected = about;
    for (root, name) in NAMES {
        writeln!(
            expected,
            "# {name}: {}, sign key of seed {:02x}",
            org(root),
            sign_seed(root)
        )
        .expect("a string");
    }
    expected.extend(cases);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/charters");
    let path = folder.join(name);
    if std::env::var("FOEDUS_WRITE_VECTORS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &expected).expect("the vectors can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the vector is there");
    assert!(
        found == expected,
        "{} differs from what is written today",
        path.display()
    );
}

fn admits(before: &Charter) -> Charter {
    next(before, |next| {
        next.participants.insert(org(HOOLI), Access::Full);
    })
}

fn returning(charter: &Charter, withdrawal: &GovernanceNote) -> Verified<Consent> {
    let consent = Consent {
        withdrawal: Some(withdrawal.hash()),
        ..consent(charter, GLOBEX, AT.plus_millis(DAY_MILLIS))
            .note()
            .clone()
    };
    signed(&consent, GLOBEX)
}

#[test]
fn who_may_be_handed_which_body_is_as_in_its_file() {
    const ABOUT: &str = "Who may be handed which body (PROTOCOL.md, 7.5).
Each case: the notes that the giver, acme, holds, in the order in which it learnt them, in base64.
Then lines `body: <organisation of the author> <number of the revision that the entry names>
<organisation that asks> may` or `may not`, whoever has the body.";
    let mut cases = Vec::new();
    let (scene, _) = Scene::new("everybody is in the first revision");
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("hooli comes; newcomers from-join");
    scene.seal(&admits(&first), &[GLOBEX, INITECH, HOOLI]);
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("hooli comes; then all open the history");
    let second = admits(&first);
    scene.seal(&second, &[GLOBEX, INITECH, HOOLI]);
    let third = next(&second, |next| next.newcomers = Newcomers::All);
    scene.seal(&third, &[GLOBEX, INITECH, HOOLI]);
    cases.push(scene.bodies());
    let (mut scene, first) =
        Scene::new("the host alone admits hooli and opens; globex did not agree");
    let second = by_host(&first);
    scene.seal(&second, &[GLOBEX, INITECH]);
    let third = next(&admits(&second), |_| {});
    let third = Charter {
        number: second.number + 1,
        predecessor: Some(second.hash()),
        newcomers: Newcomers::All,
        ..third
    };
    scene.seal(&third, &[INITECH, HOOLI]);
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("initech is removed");
    scene.seal(&without_initech(&first), &[]);
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("globex may only post");
    let second = next(&first, |next| {
        next.participants.insert(org(GLOBEX), Access::PostOnly);
        next.finals = heads(&[GLOBEX]);
    });
    scene.seal(&second, &[]);
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("globex left, and hooli comes to an open history");
    scene.learn(&withdrawal(&first, GLOBEX));
    let second = Charter {
        newcomers: Newcomers::All,
        ..admits(&first)
    };
    let yes =
        [GLOBEX, INITECH, HOOLI].map(|root| consent(&second, root, AT.plus_millis(DAY_MILLIS)));
    scene.seal_with(&second, &yes);
    cases.push(scene.bodies());
    let (mut scene, first) = Scene::new("globex left, and comes back by a consent that says so");
    let left = withdrawal(&first, GLOBEX);
    scene.learn(&left);
    let second = admits(&first);
    let others = [INITECH, HOOLI].map(|root| consent(&second, root, AT.plus_millis(DAY_MILLIS)));
    let yes = [vec![returning(&second, &left)], others.to_vec()].concat();
    scene.seal_with(&second, &yes);
    cases.push(scene.bodies());
    check_file("bodies.txt", ABOUT, cases);
}

fn post(text: &str) -> Body {
    Body::Post {
        text: text.to_owned(),
        reply_to: None,
    }
}

fn opened() -> Body {
    Body::Opened(Opened {
        key: *key(sign_seed(GLOBEX)).verifying_key().as_bytes(),
        closes: Vec::new(),
    })
}

fn joined(author_kind: AuthorKind) -> Body {
    Body::Joined {
        author_kind,
        address: "carol@globex.example".to_owned(),
        display_name: "Carol".to_owned(),
    }
}

#[test]
fn verdicts_are_as_in_their_file() {
    const ABOUT: &str = "Verdicts (PROTOCOL.md, 7.4).
Each case: the notes that are held, in the order in which they were learnt, in base64; then a log of
globex, entry by entry: header, salt and body in hexadecimal digits, and the verdict on it: `accepted`,
`void` with the number of the rule, or `wait`, since its revision is not held.";
    let mut cases = Vec::new();
    let (scene, first) = Scene::new("one revision");
    let own = |sequence| globex_log(first.channel).entry(sequence);
    let others = EntryRef {
        origin: us(),
        ..own(1)
    };
    let hash = first.hash();
    let edit = |target| Body::Edit {
        target,
        text: "again".to_owned(),
    };
    let end = first.end.expect("it ends").0 - AT.0;
    let said = [
        (hash, 0, opened()),
        (hash, 1, joined(AuthorKind::Member)),
        (hash, 2, post("hello")),
        (hash, 2, post("time that does not grow")),
        (hash, 3, opened()),
        (hash, 4, edit(own(2))),
        (hash, 5, edit(others)),
        (hash, 6, Body::Retract { target: others }),
        (hash, 7, Body::Erase { target: others }),
        (hash, 8, joined(AuthorKind::Guest)),
        (hash, 9, post(&"x".repeat(first.text_bytes as usize))),
        (hash, 10, post(&"x".repeat(first.text_bytes as usize + 1))),
        (
            NoteHash([9; 32]),
            11,
            post("under a revision that is not here"),
        ),
        (
            hash,
            12,
            Body::Custom {
                name: "build.done".parse().expect("a name"),
                bytes: Vec::new(),
            },
        ),
        (hash, end - 1, post("in time")),
        (hash, end, post("too late")),
    ];
    cases.push(scene.entries(first.channel, &said));

    let (mut scene, first) = Scene::new("globex may only read, from a head on");
    let head = LogHead {
        size: 3,
        root: [0x24; 32],
    };
    let second = next(&first, |next| {
        next.participants.insert(org(GLOBEX), Access::ReadOnly);
        next.finals = [((org(GLOBEX), IncarnationId([0x14; 16])), head)].into();
    });
    scene.seal(&second, &[]);
    let (one, two) = (first.hash(), second.hash());
    let said = [
        (one, 0, opened()),
        (one, 1, joined(AuthorKind::Member)),
        (one, 2, post("counts")),
        (one, 3, post("beyond the head")),
        (two, 4, Body::Left),
        (two, 5, post("may not write")),
        (one, 6, post("went back")),
    ];
    cases.push(scene.entries(first.channel, &said));

    let (mut scene, first) = Scene::new("globex left after three, and comes back");
    let note = Withdrawal {
        channel: first.channel,
        org: org(GLOBEX),
        revision: first.hash(),
        heads: [((org(GLOBEX), IncarnationId([0x14; 16])), head)].into(),
        at: AT,
    };
    let left = GovernanceNote::Withdrawal(signed(&note, GLOBEX));
    scene.learn(&left);
    let second = adding(&first);
    let yes = [
        returning(&second, &left),
        consent(&second, INITECH, AT.plus_millis(DAY_MILLIS)),
    ];
    scene.seal_with(&second, &yes);
    let (one, two) = (first.hash(), second.hash());
    let said = [
        (one, 0, opened()),
        (one, 1, joined(AuthorKind::Member)),
        (one, 2, post("before it left")),
        (one, 3, post("after it left")),
        (two, 4, post("back")),
    ];
    cases.push(scene.entries(first.channel, &said));

    let (mut scene, first) = Scene::new("globex is out of the second revision, and names it");
    let second = next(&first, |next| {
        next.participants.remove(&org(GLOBEX));
    });
    scene.seal(&second, &[]);
    let said = [
        (first.hash(), 0, opened()),
        (second.hash(), 1, post("still here")),
    ];
    cases.push(scene.entries(first.channel, &said));
    check_file("verdicts.txt", ABOUT, cases);
}
