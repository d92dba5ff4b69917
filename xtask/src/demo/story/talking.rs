//! Act 5: members of both write, edit, take back and react; a restarted reader goes on where it was.

use crate::demo::claim::says;
use crate::demo::story::{ACME_LAUNCH, LAUNCH};
use crate::demo::teller::{Teller, eventually, wait_for};
use crate::demo::timeline::Timeline;

impl Teller<'_> {
    /// Members of both write.
    pub fn talk(&self) -> anyhow::Result<()> {
        self.screen.step(
            5,
            "Members of both write, correct themselves, take back and react; a restarted tail goes on where it was",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let (third, fourth) = ("The date is the third.", "The date is the fourth.");
        let wrong = "Wrong window, sorry.";
        let date = self.post(acme, "anna", LAUNCH, third)?;
        let slip = self.post(globex, "gwen", ACME_LAUNCH, wrong)?;
        self.arrived(&[third, wrong])?;
        self.screen
            .prose("A tail tells what was written, and keeps in a file how far it has come. (Anna joined twice: Acme's own channel, \
             and then the shared one, which shows nothing of before.)");
        self.tail(&["--from", "start"], says(&[third, wrong]))?;

        let edit = ["--as", "anna", "edit", LAUNCH, &date, fourth];
        self.one(acme, &edit, says(&["The text is replaced."]))?;
        let retract = ["--as", "gwen", "retract", ACME_LAUNCH, &slip];
        self.one(globex, &retract, says(&["The message is taken back."]))?;
        let react = ["--as", "gwen", "react", ACME_LAUNCH, &date, "👍"];
        self.one(globex, &react, says(&["The reaction is given."]))?;
        let seen = [fourth, "(taken back)", "👍 gwen@globex.example"];
        self.both_until(
            &["--as", "anna", "history", LAUNCH],
            says(&seen).without(&[third, wrong]),
            &["--as", "gwen", "history", ACME_LAUNCH],
            says(&seen).without(&[third, wrong]),
        )?;
        self.one_timeline()?;
        self.screen.holds(
            "Both show the same messages in the same order, and every line says whose organisation its author is of. \
             (That Anna joined before the channel was shared is in Acme's history only.)",
        );
        self.screen
            .prose("The tail, started again, tells only what is new since:");
        self.tail(
            &[],
            says(&["edited", fourth, "took back", "gave 👍"]).without(&[third, wrong, "joined"]),
        )?;
        self.screen.holds(
            "Each tail went on where it was: nothing is told twice, and nothing is left out.",
        );
        Ok(())
    }

    /// Waits until both tell programs one timeline: all of it, and not only what was looked for on the page. That of
    /// Acme.
    pub fn one_timeline(&self) -> anyhow::Result<Timeline> {
        eventually(|| {
            let ours = Timeline::read(&self.stage.acme, "anna", LAUNCH)?;
            let theirs = Timeline::read(&self.stage.globex, "gwen", ACME_LAUNCH)?;
            ours.is_that_of(&theirs)?;
            Ok(ours)
        })
    }

    /// Waits until the history of both has all of this.
    fn arrived(&self, texts: &[&str]) -> anyhow::Result<()> {
        let claim = says(texts);
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let anna = wait_for(acme, &["--as", "anna", "history", LAUNCH], claim)?;
        claim.check(&anna)?;
        let gwen = wait_for(globex, &["--as", "gwen", "history", ACME_LAUNCH], claim)?;
        claim.check(&gwen)
    }

    /// A tail at each side that ends when it has told what is there.
    fn tail(&self, from: &[&str], claim: crate::demo::claim::Claim<'_>) -> anyhow::Result<()> {
        let anna = [
            "--as",
            "anna",
            "tail",
            LAUNCH,
            "--state",
            "anna.tail",
            "--no-follow",
        ];
        let gwen = [
            "--as",
            "gwen",
            "tail",
            ACME_LAUNCH,
            "--state",
            "gwen.tail",
            "--no-follow",
        ];
        self.both(
            &[&anna, from].concat(),
            claim,
            &[&gwen, from].concat(),
            claim,
        )
    }
}
