//! Each rule of the charter that an entry can break.

use std::sync::Arc;

use foedus_policy::id::{AuthorId, ChannelId, EntryRef, NoteHash};
use foedus_policy::vocabulary::{Access, AuthorKind};

use super::*;
use crate::examples::GLOBEX;
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::CustomName;
use crate::stored::{Record, Run};
use crate::testing::{END, Forger, World, newest, revise};

fn post(text: &str) -> Body {
    Body::Post {
        text: text.to_owned(),
        reply_to: None,
    }
}

/// What we make of an entry with this body, in a log of Globex's.
struct Case {
    world: World,
    channel: ChannelId,
    forger: Forger,
}

impl Case {
    fn new() -> Self {
        Self::under(|_| {})
    }

    /// Under a second revision that differs from the first in this.
    fn under(change: impl FnOnce(&mut Charter)) -> Self {
        let (mut world, channel) = World::shared(2);
        revise(&mut world, channel, |next| {
            next.text_bytes -= 1;
            change(next);
        });
        let revision = crate::note::NoteType::hash(newest(&world, channel).expect("sealed"));
        let forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
        Self {
            world,
            channel,
            forger,
        }
    }

    fn globex(&self) -> OrgId {
        self.world.id(1)
    }

    /// Sends all of it; the stored verdict on the last entry.
    fn verdict(&mut self) -> u8 {
        let subscription = self.world.subscription(0, 1, self.channel);
        let frame = self
            .forger
            .frame(subscription, 100, vec![self.forger.whole()]);
        self.world.send(1, 0, frame);
        let last = self.forger.log.entry(self.forger.size() - 1);
        let rows = self.world.sides[0].read(&ChannelKeys(self.channel).run_of(last));
        let (key, value) = rows.first().expect("every leaf is kept");
        let run = Run::from_value(key, value).expect("it reads");
        let index = usize::try_from(last.sequence - run.first).expect("small");
        run.entries[index].verdict
    }

    fn check(mut self, body: &Body, expected: Verdict) {
        self.forger.append(body);
        assert_eq!(self.verdict(), expected.code(), "{body:?}");
    }
}

fn void(void: Void) -> Verdict {
    Verdict::Void(void)
}

#[test]
fn what_the_charter_grants_is_accepted() {
    let case = Case::new();
    let own = case.forger.log.entry(1);
    for body in [
        post("hello"),
        Body::Post {
            text: "re".to_owned(),
            reply_to: Some(own),
        },
        Body::Edit {
            target: own,
            text: "better".to_owned(),
        },
        Body::Retract { target: own },
        Body::React {
            target: own,
            emoji: "+1".to_owned(),
            on: true,
        },
        Body::Left,
    ] {
        Case::new().check(&body, Verdict::Accepted);
    }
}

#[test]
fn at_odds_with_itself() {
    let mut case = Case::new();
    case.forger.post("one");
    case.forger.hlc = Hlc(case.forger.hlc.0 - 5);
    case.check(&post("earlier than what went before"), void(Void::Fault));
    let mut case = Case::new();
    // The kind is the two bytes before the commitment.
    case.forger.append_raw(|header| {
        let at = header.len() - 34;
        header[at..at + 2].copy_from_slice(&[0xff, 0xff]);
    });
    assert_eq!(case.verdict(), void(Void::Fault).code());
}

#[test]
fn not_in_the_revision_or_reading_only() {
    let globex = crate::examples::org(GLOBEX);
    let read_only = || {
        Case::under(move |next| {
            next.participants.insert(globex, Access::ReadOnly);
        })
    };
    assert_eq!(read_only().globex(), globex);
    read_only().check(&post("hello"), void(Void::ReadOnly));
    read_only().check(&Body::Left, Verdict::Accepted);
}

#[test]
fn not_granted() {
    use foedus_policy::vocabulary::Capability;
    let without = |capability| {
        Case::under(move |next| {
            next.capabilities = next
                .capabilities
                .iter()
                .filter(|granted| *granted != capability)
                .collect();
        })
    };
    let own = Case::new().forger.log.entry(1);
    let edit = Body::Edit {
        target: own,
        text: "better".to_owned(),
    };
    let react = Body::React {
        target: own,
        emoji: "+1".to_owned(),
        on: true,
    };
    let reply = Body::Post {
        text: "re".to_owned(),
        reply_to: Some(own),
    };
    without(Capability::Post).check(&post("hello"), void(Void::NotGranted));
    without(Capability::Thread).check(&reply, void(Void::NotGranted));
    without(Capability::Edit).check(&edit, void(Void::NotGranted));
    without(Capability::Retract).check(&Body::Retract { target: own }, void(Void::NotGranted));
    without(Capability::React).check(&react, void(Void::NotGranted));
    let name: CustomName = "build.done".parse().expect("a name");
    let custom = Body::Custom {
        name,
        bytes: vec![1],
    };
    Case::new().check(&custom, void(Void::NotGranted));
    let joined = Body::Joined {
        author_kind: AuthorKind::Guest,
        address: "guest@globex.example".to_owned(),
        display_name: "Guest".to_owned(),
    };
    Case::new().check(&joined, void(Void::NotGranted));
}

#[test]
fn an_older_revision_than_before() {
    let mut case = Case::new();
    let first = case.world.sides[0].view(case.channel).governance.newest();
    case.forger.revision = first
        .and_then(|rev| rev.charter().predecessor)
        .expect("a first");
    case.check(&post("as it was"), void(Void::RevisionWentBack));
}

#[test]
fn after_what_was_said_to_be_the_last() {
    let (mut world, channel) = World::shared(3);
    let first = crate::note::NoteType::hash(newest(&world, channel).expect("sealed"));
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, first, Hlc::at(world.now.wall));
    forger.post("counts");
    forger.post("does not");
    let globex = world.id(1);
    let log = (globex, forger.log.incarnation);
    let head = crate::note::value::LogHead {
        size: 2,
        root: [1; 32],
    };
    revise(&mut world, channel, |next| {
        next.participants.insert(globex, Access::ReadOnly);
        next.finals = [(log, head)].into();
    });
    let mut case = Case {
        world,
        channel,
        forger,
    };
    assert_eq!(case.verdict(), void(Void::AfterFinalHeads).code());
}

/// By the time that it names, whatever our clock says.
#[test]
fn after_the_end() {
    let mut case = Case::new();
    case.forger.hlc = Hlc::at(END.minus_millis(1));
    case.forger.post("in time");
    let mut late = Case::new();
    late.forger.hlc = Hlc::at(END);
    assert_eq!(case.verdict(), Verdict::Accepted.code());
    late.check(&post("too late"), void(Void::AfterTheEnd));
}

#[test]
fn what_others_wrote() {
    let (mut world, channel) = World::shared(2);
    let ours = world.post(0, channel, "ours").first;
    let theirs = EntryRef {
        sequence: 99,
        ..ours
    };
    for target in [ours, theirs] {
        for body in [
            Body::Edit {
                target,
                text: "never said".to_owned(),
            },
            Body::Retract { target },
            Body::Erase { target },
        ] {
            Case::new().check(&body, void(Void::NotItsOwn));
        }
    }
}

#[test]
fn a_text_that_is_too_long() {
    let limit = |bytes| Case::under(move |next| next.text_bytes = bytes);
    limit(5).check(&post("hello"), Verdict::Accepted);
    limit(5).check(&post("hello!"), void(Void::TooLong));
}

/// A revision that nobody holds is waited for; nothing is stored or acknowledged.
#[test]
fn an_unknown_revision_is_no_verdict() {
    let mut case = Case::new();
    case.forger.revision = NoteHash([9; 32]);
    case.forger.author = AuthorId([1; 16]);
    case.forger.post("from nowhere");
    let before = case.world.sides[0].batches.len();
    let subscription = case.world.subscription(0, 1, case.channel);
    let whole = Arc::new(case.forger.whole());
    case.world.sides[0].sent.clear();
    for number in 0..20 {
        let frame = case
            .forger
            .frame(subscription, 100 + number, vec![(*whole).clone()]);
        case.world.send(1, 0, frame);
    }
    assert!(
        case.world.sides[0].sent.is_empty(),
        "nothing is asked or acknowledged at once"
    );
    assert!(
        case.world.sides[0].batches.len() <= before + 1,
        "a position is forgotten once"
    );
    assert!(
        !case.world.sides[0]
            .view(case.channel)
            .logs
            .contains_key(&case.forger.log)
    );
}

#[test]
fn each_verdict_has_a_number_of_its_own() {
    let codes: Vec<u8> = (0..=9).chain([64]).collect();
    assert!(
        codes
            .iter()
            .all(|code| Verdict::counts(*code) == (*code == 0))
    );
    assert!(
        codes
            .iter()
            .all(|code| Verdict::is_void(*code) == (1..=9).contains(code))
    );
}
