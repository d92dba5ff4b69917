//! The two organisations of the story, brought as far into it as a test wants.

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::organisation::{Equipment, Organisation, People, text, told};
use super::{SOON, eventually, is};

/// The host's handle.
pub const ACME: &str = "acme.example";
/// The invited organisation's.
pub const GLOBEX: &str = "globex.example";
/// The people of the host.
pub const ACME_PEOPLE: People<'static> = People {
    administrator: "alice",
    member: ("anna", "Anna Ahrens"),
};
/// Those of the invited organisation.
pub const GLOBEX_PEOPLE: People<'static> = People {
    administrator: "gina",
    member: ("gwen", "Gwen Gray"),
};
/// A third organisation's, where there is one.
pub const INITECH: &str = "initech.example";
/// Those of the third.
pub const INITECH_PEOPLE: People<'static> = People {
    administrator: "ines",
    member: ("ivan", "Ivan Ilic"),
};
/// What Acme calls the channel.
pub const LAUNCH: &str = "launch";
/// What Globex calls it.
pub const ACME_LAUNCH: &str = "acme-launch";
/// The project.
pub const PROJECT: &str = "Launch";

/// Acme, Globex, and a folder for both.
#[derive(Debug)]
pub struct Two {
    /// The host.
    pub acme: Organisation,
    /// The invited one.
    pub globex: Organisation,
    /// What both have on disk. Last, so that it goes after the daemons.
    pub folder: TempDir,
}

/// The time from the request to an end that comes soon: how often as long as it took both to begin, and the least and
/// the most of it.
const WHILE_FACTOR: u32 = 10;
const WHILE_MIN: Duration = Duration::from_secs(12);
const WHILE_MAX: Duration = Duration::from_secs(60);

/// What came out of Acme's approval.
#[derive(Debug)]
pub struct Invited {
    /// The request to share, at Acme.
    pub request: String,
    /// The invitation, as it is passed on.
    pub invitation: String,
}

/// What Globex got when it accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The request that waits at Globex.
    pub request: String,
    /// The six words that Globex is shown.
    pub words: String,
}

impl Two {
    /// Step 1: both exist.
    #[must_use]
    pub fn begin() -> Self {
        Self::begin_with(Equipment::default())
    }

    /// The same, on equipment of one's choice.
    #[must_use]
    pub fn begin_with(equipment: Equipment) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let acme = Organisation::begin_with(folder.path(), ACME, ACME_PEOPLE, equipment);
        let globex = Organisation::begin_with(folder.path(), GLOBEX, GLOBEX_PEOPLE, equipment);
        Self {
            acme,
            globex,
            folder,
        }
    }

    /// Step 2: a member of Acme opens `launch` and asks to share it until `ends`; the administrator approves.
    #[track_caller]
    #[must_use]
    pub fn invite(&self, ends: &str) -> Invited {
        let anna = self.acme.member();
        anna.must(&["channel", "create", LAUNCH, "--topic", "What we launch"]);
        let request = self.ask_to_share(LAUNCH, &["--project", PROJECT, "--ends", ends]);
        self.approve_sharing(&request)
    }

    /// A member of Acme asks to share one of its channels; the name of the request.
    #[track_caller]
    #[must_use]
    pub fn ask_to_share(&self, channel: &str, more: &[&str]) -> String {
        let mut arguments = vec!["channel", "share", channel, "--with", GLOBEX];
        arguments.extend(more);
        let asked = self.acme.member().json(&arguments);
        text(&asked["request"], "name")
    }

    /// Acme's administrator approves; an invitation comes out.
    #[track_caller]
    #[must_use]
    pub fn approve_sharing(&self, request: &str) -> Invited {
        let approved = self
            .acme
            .administrator()
            .json(&["request", "approve", request]);
        Invited {
            request: request.to_owned(),
            invitation: text(&approved, "invitation_text"),
        }
    }

    /// Step 3, first half: Globex accepts, which waits for both administrators from then on.
    #[track_caller]
    #[must_use]
    pub fn accept(&self, invitation: &str) -> Accepted {
        let accepted = self
            .globex
            .administrator()
            .json(&["partner", "accept", invitation]);
        assert_eq!(accepted["delivered"], true, "{accepted}");
        Accepted {
            request: text(&accepted["request"], "name"),
            words: words(&accepted["request"]),
        }
    }

    /// The six words that Acme is shown, once it knows who accepted.
    #[track_caller]
    #[must_use]
    pub fn words_at_acme(&self) -> String {
        let alice = self.acme.administrator();
        eventually("Acme to know who accepted", SOON, || {
            let shown = told(alice.try_json(&["partner", "show", GLOBEX]))?;
            let words = words(&shown);
            if words.is_empty() {
                Err(shown.to_string())
            } else {
                Ok(words)
            }
        })
    }

    /// Globex says yes, and names the channel.
    #[track_caller]
    pub fn approve(&self, accepted: &Accepted, words: &str) {
        self.globex.administrator().must(&[
            "request",
            "approve",
            &accepted.request,
            "--words",
            words,
            "--channel",
            ACME_LAUNCH,
        ]);
    }

    /// Acme says that it was them.
    #[track_caller]
    pub fn confirm(&self, words: &str) {
        self.acme
            .administrator()
            .must(&["partner", "confirm", GLOBEX, "--words", words]);
    }

    /// Steps 1 to 4: both exist, are partners, and share `launch` until `ends`; Globex's member is in it.
    #[track_caller]
    #[must_use]
    pub fn sharing(ends: &str) -> Self {
        Self::begin().share(ends)
    }

    /// Steps 2 to 4.
    #[track_caller]
    #[must_use]
    pub fn share(self, ends: &str) -> Self {
        let invited = self.invite(ends);
        let accepted = self.accept(&invited.invitation);
        self.confirm(&self.words_at_acme());
        self.approve(&accepted, &accepted.words);
        self.settle();
        self
    }

    /// As [`Self::sharing`], until an end that comes soon, but not before both have met and written: how soon goes
    /// by how long it took to bring them into being, on this machine now.
    #[track_caller]
    #[must_use]
    pub fn sharing_for_a_while() -> Self {
        let began = Instant::now();
        let two = Self::begin();
        let length = (began.elapsed() * WHILE_FACTOR).clamp(WHILE_MIN, WHILE_MAX);
        two.share(&format!("+{}s", length.as_secs()))
    }

    /// Brings Initech into being, which shares a channel of its own with Acme, for the same project; both call it the
    /// same, and Initech's member is in it.
    #[track_caller]
    #[must_use]
    pub fn share_with_initech(&self, channel: &str, equipment: Equipment) -> Organisation {
        let initech =
            Organisation::begin_with(self.folder.path(), INITECH, INITECH_PEOPLE, equipment);
        let (anna, alice) = (self.acme.member(), self.acme.administrator());
        let ines = initech.administrator();
        anna.must(&["channel", "create", channel]);
        let share = ["channel", "share", channel, "--with", INITECH];
        let until = ["--project", PROJECT, "--ends-with-project"];
        let asked = anna.json(&[&share[..], &until[..]].concat());
        let invited = self.approve_sharing(&text(&asked["request"], "name"));
        let accepted = ines.json(&["partner", "accept", &invited.invitation]);
        let said = words(&accepted["request"]);
        eventually("Acme to know who accepted", SOON, || {
            let shown = told(alice.try_json(&["partner", "show", INITECH]))?;
            is(words(&shown), said.clone())
        });
        alice.must(&["partner", "confirm", INITECH, "--words", &said]);
        let request = text(&accepted["request"], "name");
        let approve = ["request", "approve", &request, "--words", &said];
        ines.must(&[&approve[..], &["--channel", channel]].concat());
        self.acme.shares(channel);
        initech.shares(channel);
        ines.must(&["channel", "add", channel, &initech.member]);
        self.acme.linked_with(INITECH);
        initech.linked_with(ACME);
        initech
    }

    /// Waits until the channel is shared at both sides, and Globex's member joins it.
    #[track_caller]
    pub fn settle(&self) {
        self.acme.shares(LAUNCH);
        self.globex.shares(ACME_LAUNCH);
        self.globex
            .administrator()
            .must(&["channel", "add", ACME_LAUNCH, &self.globex.member]);
        self.acme.linked_with(GLOBEX);
        self.globex.linked_with(ACME);
    }

    /// Waits until both hold the same messages, and gives their texts.
    #[track_caller]
    pub fn agree(&self) -> Vec<String> {
        eventually("both to hold the same", super::LATER, || {
            let ours = told(self.acme.try_messages(LAUNCH))?;
            let theirs = told(self.globex.try_messages(ACME_LAUNCH))?;
            let (ours, theirs) = (timeline(&ours), timeline(&theirs));
            if ours == theirs {
                return Ok(());
            }
            let differ = ours.iter().zip(&theirs).position(|(one, two)| one != two);
            Err(format!(
                "{} messages at Acme, {} at Globex, which differ from number {differ:?} on",
                ours.len(),
                theirs.len()
            ))
        });
        self.acme.texts(LAUNCH)
    }
}

/// The six words of a request or a partner, as people say them. Empty: none.
#[must_use]
pub fn words(of: &Value) -> String {
    let words = of["words"].as_array().into_iter().flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    words.join(" ")
}

/// What must be the same at both sides: what was posted, each message without what is said from one's own point of
/// view. Who joined is not compared: each side's members joined before the channel was shared, too.
#[must_use]
pub fn timeline(messages: &[Value]) -> Vec<Value> {
    let posted = messages
        .iter()
        .filter(|message| message["kind"] == "posted");
    let mut common: Vec<Value> = posted.cloned().collect();
    for message in &mut common {
        let message = message.as_object_mut().expect("a message is an object");
        for field in ["arrived_at", "time_in_doubt"] {
            message.remove(field);
        }
        neutral(&mut message["author"]);
        let reactions = message["reactions"].as_array_mut();
        for reaction in reactions.into_iter().flatten() {
            let authors = reaction["authors"].as_array_mut();
            authors.into_iter().flatten().for_each(neutral);
        }
    }
    common
}

/// Takes from an author what each side says for itself.
fn neutral(author: &mut Value) {
    if let Some(author) = author.as_object_mut() {
        for field in ["external", "verified", "introduced_by"] {
            author.remove(field);
        }
    }
}
