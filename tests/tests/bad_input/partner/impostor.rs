//! Globex's keys in the hands of a test, with what a true daemon of Globex said under them: so that what is sent can be
//! right in all but one thing.

use std::cell::Cell;
use std::fs;

use foedus_daemon::identity_files::{IdentityFiles, KeyRole};
use foedus_federation::charter::Consent;
use foedus_federation::charter::Termination;
use foedus_federation::checkpoint::Checkpoint;
use foedus_federation::key::SigningKey;
use foedus_federation::note::{Claimed, NoteType as _};
use foedus_policy::id::OrgId;
use foedus_policy::time::Timestamp;
use foedus_proto::federation::v1 as proto;
use foedus_proto::federation::v1::GoodbyeReason;
use foedus_proto::federation::v1::frame::Kind;
use foedus_tests::harness::call::Call;
use foedus_tests::harness::organisation::{Organisation, told};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{SOON, eventually, is};

/// What was there before, at both.
const BEFORE: [&str; 2] = ["From Acme.", "From Globex."];

/// What a daemon of Globex has written since, and Acme lacks.
const NEW: [&str; 3] = ["One.", "Two.", "Three."];

/// Globex's daemon is down, and a test has its keys. Acme's is up.
pub struct Impostor {
    pub two: Two,
    /// Globex.
    pub globex: OrgId,
    /// Its key for logs and notes.
    pub sign: SigningKey,
    /// What Globex says first to Acme.
    pub hello: proto::Hello,
    /// What Acme says first to Globex.
    pub acme_hello: proto::Hello,
    /// The log of Globex that Acme lacks, whole.
    pub new_part: proto::Part,
    /// A log of Acme's, as Globex holds it.
    pub acmes_part: proto::Part,
    /// Globex's yes to the charter.
    pub consent: Vec<u8>,
    held_part: proto::Part,
    channel: Vec<u8>,
    link: [u8; 32],
    /// The subscription that entries answer: all cases use the first of their call.
    subscription: Cell<u32>,
}

fn key(of: &Organisation, role: KeyRole) -> [u8; 32] {
    let files = IdentityFiles::of(&of.daemon.place.data());
    *files.load(role).expect("its own key").expose()
}

fn organisation_id(of: &Organisation) -> OrgId {
    of.id().parse().expect("an identifier")
}

fn hello(heard: &[Kind]) -> Option<proto::Hello> {
    heard.iter().find_map(|kind| match kind {
        Kind::Hello(hello) => Some(hello.clone()),
        _ => None,
    })
}

fn parts(heard: &[Kind]) -> Vec<proto::Part> {
    let frames = heard.iter().filter_map(|kind| match kind {
        Kind::Entries(entries) => Some(entries.parts.clone()),
        _ => None,
    });
    frames.flatten().collect()
}

fn says(part: &proto::Part, words: &str) -> bool {
    part.entries.iter().any(|entry| {
        let body = entry.body.as_ref().map(|body| body.bytes.as_slice());
        let words = words.as_bytes();
        body.is_some_and(|body| body.windows(words.len()).any(|window| window == words))
    })
}

/// Acme and Globex, who have talked.
fn talked() -> Two {
    let two = Two::sharing("+1h");
    two.acme.member().must(&["post", LAUNCH, BEFORE[0]]);
    two.agree();
    two.globex.member().must(&["post", ACME_LAUNCH, BEFORE[1]]);
    assert_eq!(two.agree(), BEFORE);
    two
}

impl Impostor {
    /// Lets Globex's daemon say to an impostor of Acme's what the tests then change, and takes its place.
    pub fn of_globex() -> Self {
        Self::taking_over(talked())
    }

    /// As [`Self::of_globex`], after Globex made its keys anew and Acme heard of it. Gives what was its key for logs and
    /// notes, too.
    pub fn of_globex_renewed() -> (Self, SigningKey) {
        let two = talked();
        let dropped = SigningKey::from_seed(&key(&two.globex, KeyRole::Sign));
        let gina = two.globex.administrator();
        gina.must(&["identity", "renew", "--role", "all", "--yes"]);
        let alice = two.acme.administrator();
        eventually("Acme to know the newer keys", SOON, || {
            let shown = told(alice.try_json(&["partner", "show", GLOBEX]))?;
            is(shown["identity_serial"].as_u64(), Some(2))
        });
        two.globex.linked_with(ACME);
        (Self::taking_over(two), dropped)
    }

    fn taking_over(mut two: Two) -> Self {
        let (acme, globex) = (organisation_id(&two.acme), organisation_id(&two.globex));
        let link = key(&two.globex, KeyRole::Link);
        let acmes_link = key(&two.acme, KeyRole::Link);

        two.globex.daemon.stop();
        let mut call = Call::dial(two.acme.daemon.place.link, &link);
        let acme_hello = call.hears("who it is", hello);
        drop(call);
        two.acme.daemon.stop();
        two.globex.daemon.start();
        for words in NEW {
            two.globex.member().must(&["post", ACME_LAUNCH, words]);
        }
        let mut call = Call::dial(two.globex.daemon.place.link, &acmes_link);
        call.say(Kind::Hello(acme_hello.clone()));
        let channel = call.hears("which channel", |heard| {
            heard.iter().find_map(|kind| match kind {
                Kind::Subscribe(subscribe) => Some(subscribe.channel.clone()),
                _ => None,
            })
        });
        call.say(Kind::Subscribe(proto::Subscribe {
            channel: channel.clone(),
            subscription: 1,
            relayed: vec![acme.0.to_vec()],
            notes: vec![0; 32],
            ..proto::Subscribe::default()
        }));
        let find =
            |heard: &[Kind], words: &str| parts(heard).into_iter().find(|part| says(part, words));
        let new_part = call.hears("what is new", |heard| find(heard, NEW[2]));
        let held_part = call.hears("what is old", |heard| find(heard, BEFORE[1]));
        let acmes_part = call.hears("what is Acme's", |heard| find(heard, BEFORE[0]));
        let consent = call.hears("a consent", |heard| consent_of(globex, heard));
        let hello = call.hears("who it is", hello);
        drop(call);
        two.globex.daemon.stop();
        two.acme.daemon.start();
        let sign = SigningKey::from_seed(&key(&two.globex, KeyRole::Sign));
        Self {
            two,
            globex,
            sign,
            hello,
            acme_hello,
            new_part,
            acmes_part,
            consent,
            held_part,
            channel,
            link,
            subscription: Cell::new(1),
        }
    }

    /// A frame of entries, the first of its call.
    pub fn entries(&self, parts: Vec<proto::Part>) -> Kind {
        Kind::Entries(proto::Entries {
            channel: self.channel.clone(),
            subscription: self.subscription.get(),
            number: 1,
            cursor: None,
            parts,
        })
    }

    /// A frame of notes.
    pub fn notes(&self, notes: Vec<Vec<u8>>) -> Kind {
        Kind::Notes(proto::Notes {
            channel: self.channel.clone(),
            identities: Vec::new(),
            notes,
        })
    }

    /// A log of Globex's that Acme holds, under a checkpoint of the same size and another root.
    pub fn other_history(&self) -> proto::Part {
        let (claimed, _) = Checkpoint::claimed(&self.held_part.checkpoint).expect("it is one");
        let other = Checkpoint {
            root: [5; 32],
            ..claimed
        };
        proto::Part {
            checkpoint: other.sign(&self.sign).bytes().to_vec(),
            ..self.held_part.clone()
        }
    }

    /// The end of the channel, signed by Globex as if it were the host.
    pub fn termination(&self) -> Vec<u8> {
        let consent = Claimed::<Consent>::parse(&self.consent).expect("a consent");
        let termination = Termination {
            channel: consent.claims().channel,
            host: self.globex,
            revision: consent.claims().charter,
            heads: Default::default(),
            at: Timestamp(1_800_000_000_000),
        };
        let signed = termination.sign(&self.sign).expect("a text");
        signed.bytes().to_vec()
    }

    /// A call on which both have said hello, and Acme has subscribed.
    #[track_caller]
    fn greeted(&self) -> Call {
        let mut call = Call::dial(self.two.acme.daemon.place.link, &self.link);
        call.say(Kind::Hello(self.hello.clone()));
        let subscription = call.hears("that it subscribes", |heard| self.subscribed(heard, 0));
        self.subscription.set(subscription);
        call
    }

    /// The first subscription of Acme's after one.
    fn subscribed(&self, heard: &[Kind], after: u32) -> Option<u32> {
        heard.iter().find_map(|kind| match kind {
            Kind::Subscribe(subscribe) if subscribe.channel == self.channel => {
                Some(subscribe.subscription).filter(|number| *number > after)
            }
            _ => None,
        })
    }

    /// How much Acme has logged.
    fn logged(&self) -> usize {
        fs::read(self.two.acme.daemon.place.log()).map_or(0, |log| log.len())
    }

    /// Waits until Acme's log says `rule` after `from`.
    #[track_caller]
    fn logs(&self, what: &str, from: usize, rule: &str) {
        eventually(&format!("the rule that refuses {what}"), SOON, || {
            let log = fs::read(self.two.acme.daemon.place.log()).expect("it is there");
            let since = String::from_utf8_lossy(&log[from..]).into_owned();
            match since.contains(rule) {
                true => Ok(()),
                false => Err(format!("no {rule:?} in: {since}")),
            }
        });
    }

    /// The call ends, the last word is a goodbye for this reason, and nothing was acknowledged.
    #[track_caller]
    fn ended(what: &str, call: Call, reason: GoodbyeReason) {
        let heard = call.ends();
        let Some(Kind::Goodbye(goodbye)) = heard.last() else {
            panic!("{what}: no goodbye in {heard:?}");
        };
        assert_eq!(goodbye.reason(), reason, "{what}");
        assert!(!acknowledges(&heard, 1), "{what}: {heard:?}");
    }

    /// These frames close the link, and the log says why.
    #[track_caller]
    pub fn is_closed(&self, what: &str, frames: Vec<Kind>, reason: GoodbyeReason, rule: &str) {
        let from = self.logged();
        let mut call = self.greeted();
        frames.into_iter().for_each(|frame| call.say(frame));
        Self::ended(what, call, reason);
        self.logs(what, from, rule);
    }

    /// These bytes for a frame close the link, and the log says why.
    #[track_caller]
    pub fn bytes_are_closed(&self, what: &str, bytes: &[u8], rule: &str) {
        let from = self.logged();
        let mut call = self.greeted();
        call.say_bytes(bytes);
        let heard = call.ends();
        assert!(!acknowledges(&heard, 1), "{what}: {heard:?}");
        self.logs(what, from, rule);
    }

    /// This for a hello opens no link, and the log says why.
    #[track_caller]
    pub fn hello_is_refused(&self, what: &str, hello: Kind, reason: GoodbyeReason, rule: &str) {
        let from = self.logged();
        let mut call = Call::dial(self.two.acme.daemon.place.link, &self.link);
        call.say(hello);
        Self::ended(what, call, reason);
        self.logs(what, from, rule);
    }

    /// This is neither acknowledged nor a reason to close the link: what follows it is taken as ever.
    #[track_caller]
    pub fn is_left_out(&self, what: &str, frame: Kind, rule: &str) {
        let from = self.logged();
        let mut call = self.greeted();
        call.say(frame);
        let Kind::Entries(mut follows) = self.entries(vec![self.held_part.clone()]) else {
            unreachable!("these are entries");
        };
        follows.number = 2;
        call.say(Kind::Entries(follows));
        call.hears(&format!("that it took what followed {what}"), |heard| {
            acknowledges(heard, 2).then_some(())
        });
        self.logs(what, from, rule);
    }

    /// Acme asks anew for what it lacks. Gives what it had said until then.
    #[track_caller]
    pub fn is_asked_for_again(&self, what: &str, frame: Kind, rule: &str) -> Vec<Kind> {
        let from = self.logged();
        let mut call = self.greeted();
        call.say(frame);
        let first = self.subscription.get();
        let heard = call.hears(&format!("that it asks again after {what}"), |heard| {
            self.subscribed(heard, first).map(|_| heard.to_vec())
        });
        self.logs(what, from, rule);
        heard
    }

    /// Acme has what it had, and its channel is open.
    #[track_caller]
    pub fn nothing_changed(&self) {
        assert_eq!(self.two.acme.texts(LAUNCH), BEFORE);
        let alice = self.two.acme.administrator();
        let shown = alice.json(&["channel", "show", LAUNCH]);
        assert_eq!(shown["state"], "open", "{shown}");
        assert_eq!(shown["problems"], serde_json::json!([]), "{shown}");
    }

    /// Unchanged, all of it is taken; and the true Globex goes on as if nothing had been.
    #[track_caller]
    pub fn the_true_ones_arrive(&mut self) {
        let mut call = self.greeted();
        call.say(self.entries(vec![self.new_part.clone()]));
        call.hears("that it has them", |heard| {
            acknowledges(heard, 1).then_some(())
        });
        drop(call);
        let all: Vec<&str> = BEFORE.into_iter().chain(NEW).collect();
        eventually("what is new", SOON, || {
            let texts = self.two.acme.texts(LAUNCH);
            is(
                texts.iter().map(String::as_str).collect::<Vec<_>>(),
                all.clone(),
            )
        });
        self.two.globex.daemon.start();
        self.two.globex.linked_with(ACME);
        self.two
            .globex
            .member()
            .must(&["post", ACME_LAUNCH, "Four."]);
        let all: Vec<&str> = all.into_iter().chain(["Four."]).collect();
        eventually("all of it at both", SOON, || {
            let texts = self.two.agree();
            is(
                texts.iter().map(String::as_str).collect::<Vec<_>>(),
                all.clone(),
            )
        });
    }
}

/// Was the frame of entries of this number acknowledged?
pub fn acknowledges(heard: &[Kind], number: u64) -> bool {
    heard
        .iter()
        .any(|kind| matches!(kind, Kind::Ack(ack) if ack.number == number))
}

/// Globex's consent among the notes.
fn consent_of(globex: OrgId, heard: &[Kind]) -> Option<Vec<u8>> {
    let notes = heard.iter().filter_map(|kind| match kind {
        Kind::Notes(notes) => Some(&notes.notes),
        _ => None,
    });
    let mut notes = notes.flatten();
    let consent = notes.find(|note| {
        let claimed = Claimed::<Consent>::parse(note);
        claimed.is_ok_and(|claimed| claimed.claims().org == globex)
    });
    consent.cloned()
}
