//! Acts 1 to 3: both come into being, a member asks, the other side accepts, and nothing is shared yet.

use crate::demo::claim::{BAD_DATA, after, exits, refused, says, word_that_begins};
use crate::demo::story::{ACME_LAUNCH, LAUNCH};
use crate::demo::teller::Teller;

/// Six words that are hardly those of any pairing.
const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo";

/// What a program exits with when it does not know an option.
const MISUSED: i32 = 64;

/// What Globex got when it accepted.
pub struct Accepted {
    /// The request that waits at Globex.
    pub request: String,
    /// The six words.
    pub words: String,
}

impl Teller<'_> {
    /// Both organisations come into being.
    pub fn begin(&self) -> anyhow::Result<()> {
        self.screen.step(1, "Each organisation comes into being");
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let endpoints = [acme, globex].map(|side| side.advertised.to_string());
        let init = |handle, endpoint, administrator| {
            [
                "init",
                handle,
                "--endpoint",
                endpoint,
                "--administrator",
                administrator,
            ]
        };
        self.both(
            &init(acme.handle, &endpoints[0], "alice"),
            says(&["acme.example has its identity."]),
            &init(globex.handle, &endpoints[1], "gina"),
            says(&["globex.example has its identity."]),
        )?;
        self.both(
            &["--as", "alice", "member", "add", "anna", "--name", "Anna"],
            says(&["anna@acme.example"]),
            &["--as", "gina", "member", "add", "gwen", "--name", "Gwen"],
            says(&["gwen@globex.example"]),
        )
    }

    /// A member asks, the administrator approves; the invitation. The project ends at `ends`.
    pub fn invite(&self, ends: &str) -> anyhow::Result<String> {
        self.screen.step(
            2,
            "Anna of Acme asks to share a channel with Globex; Alice, who administers Acme, approves",
        );
        let acme = &self.stage.acme;
        let topic = "What we launch";
        self.one(
            acme,
            &[
                "--as", "anna", "channel", "create", LAUNCH, "--topic", topic,
            ],
            says(&["launch is open."]),
        )?;
        let share = [
            "--as",
            "anna",
            "channel",
            "share",
            LAUNCH,
            "--with",
            "globex.example",
        ];
        let project = ["--project", "Launch", "--ends", ends];
        let asked = self.one(
            acme,
            &[&share[..], &project].concat(),
            says(&["REQ-0001, waiting"]),
        )?;
        let request = word_that_begins(&asked.output, "REQ-")?;
        let approved = self.one(
            acme,
            &["--as", "alice", "request", "approve", &request],
            says(&["foedus-invitation-v1."]),
        )?;
        word_that_begins(&approved.output, "foedus-invitation-v1.")
    }

    /// Globex accepts: both are shown the same six words, and nothing is shared.
    pub fn accept(&self, invitation: &str) -> anyhow::Result<Accepted> {
        self.screen.step(
            3,
            "Gina, who administers Globex, accepts; the six words that both are shown must be the same",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let accepted = self.one(
            globex,
            &["--as", "gina", "partner", "accept", invitation],
            says(&["The inviter has our reply.", "Six words:"]),
        )?;
        let request = word_that_begins(&accepted.output, "REQ-")?;
        let words = after(&accepted.output, "Six words:")?;
        self.both_until(
            &["--as", "alice", "partner", "show", globex.handle],
            says(&[&words]),
            &["--as", "gina", "partner", "show", acme.handle],
            says(&[&words]),
        )?;
        self.screen.holds(
            "Both are shown the same six words. Alice and Gina compare them by telephone: so nobody stands between them.",
        );
        self.screen.prose(
            "Until both have said yes, only Globex's reply has travelled: there is no link, and nothing to read:",
        );
        self.both(
            &["--as", "alice", "partner", "list"],
            says(&["globex.example", "waiting for us"]).without(&[" up "]),
            &["--as", "gina", "partner", "list"],
            says(&["acme.example", "waiting for us"]).without(&[" up "]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "channel", "list"],
            says(&["There are no channels."]),
        )?;
        Ok(Accepted { request, words })
    }

    /// Wrong words and no words are refused and audited at both, and no flag skips them.
    pub fn refuse_without_words(&self, accepted: &Accepted) -> anyhow::Result<()> {
        self.screen
            .prose("Wrong words are refused, no words are refused, and no flag skips them; the audit log has it:");
        let confirm = ["--as", "alice", "partner", "confirm", "globex.example"];
        let request = accepted.request.as_str();
        let approve = [
            "--as",
            "gina",
            "request",
            "approve",
            request,
            "--channel",
            ACME_LAUNCH,
        ];
        for (more, claim) in [
            (
                &["--words", OTHER_WORDS][..],
                refused(&["WORDS_DIFFER", "to do:"]),
            ),
            (&[], exits(BAD_DATA, &["WORDS_NEEDED", "to do:"])),
            (&["--yes"], exits(MISUSED, &["--yes"])),
        ] {
            self.both(
                &[&confirm, more].concat(),
                claim,
                &[&approve, more].concat(),
                claim,
            )?;
        }
        let denied = says(&["WORDS_DIFFER", "WORDS_NEEDED"]);
        self.both(
            &["--as", "alice", "audit", "list", "--denied"],
            denied,
            &["--as", "gina", "audit", "list", "--denied"],
            denied,
        )
    }
}
