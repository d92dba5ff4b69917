//! Act 7: the end passes while a daemon is down; each side stops by its own clock, and both sign what they hold.

use anyhow::Context;

use crate::demo::claim::{refused, says};
use crate::demo::story::{ACME_LAUNCH, LAUNCH};
use crate::demo::teller::{Teller, json};

impl Teller<'_> {
    /// The end passes while Globex is down.
    pub fn end(&self) -> anyhow::Result<()> {
        self.screen.step(
            7,
            "Globex's daemon is down when the project ends; each side stops by its own clock",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let shown = json(globex, &["--as", "gina", "channel", "show", ACME_LAUNCH])?;
        let open = shown["state"] == "open";
        open.then_some(()).with_context(|| {
            format!(
                "this machine is too slow: the project ended before its end could be told: {shown}"
            )
        })?;
        self.stage.kill(globex);
        let ended = says(&[LAUNCH, "ended"]);
        self.until(acme, &["--as", "alice", "channel", "list", "--all"], ended)?;
        let over = refused(&["CHANNEL_ENDED", "to do:"]);
        self.one(
            acme,
            &["--as", "anna", "post", LAUNCH, "One more thing."],
            over,
        )?;
        self.screen
            .prose("Globex's daemon is started again, and knows by itself:");
        self.stage.start(globex)?;
        let ended = says(&[ACME_LAUNCH, "ended"]);
        self.until(globex, &["--as", "gina", "channel", "list", "--all"], ended)?;
        self.one(
            globex,
            &["--as", "gwen", "post", ACME_LAUNCH, "One more thing."],
            over,
        )?;
        self.screen
            .prose("What went before stays readable, and each has the disconnect record of both:");
        let fourth = says(&["The date is the fourth."]);
        let first = ["--oldest", "--limit", "6"];
        self.both(
            &[&["--as", "anna", "history", LAUNCH], &first[..]].concat(),
            fourth,
            &[&["--as", "gwen", "history", ACME_LAUNCH], &first[..]].concat(),
            fourth,
        )?;
        let none = says(&["ended", "Difference: none. Everything arrived."]);
        self.both_until(
            &["--as", "alice", "project", "show", "Launch"],
            none,
            &["--as", "gina", "project", "show", "Launch"],
            none,
        )?;
        self.screen
            .holds("Both signed how much they hold of each log, and hold the same: nothing is missing at either side.");
        self.search_for_the_local_name()
    }
}
