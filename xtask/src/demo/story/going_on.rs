//! Act 8, when both daemons are to be left: another channel, to go on with.

use crate::demo::claim::{says, word_that_begins};
use crate::demo::teller::Teller;

impl Teller<'_> {
    /// Something to go on with.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.screen.step(
            8,
            "They are still partners: another channel, for thirty days",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let create = ["--as", "anna", "channel", "create", "support"];
        self.one(acme, &create, says(&["support is open."]))?;
        let share = [
            "--as",
            "anna",
            "channel",
            "share",
            "support",
            "--with",
            "globex.example",
        ];
        let project = ["--project", "Support", "--ends", "30d"];
        let asked = self.one(acme, &[&share[..], &project].concat(), says(&["REQ-"]))?;
        let request = word_that_begins(&asked.output, "REQ-")?;
        let approve = ["--as", "alice", "request", "approve", &request];
        self.one(acme, &approve, says(&["REQ-"]))?;
        let list = ["--as", "gina", "request", "list"];
        let listed = self.until(globex, &list, says(&["join"]))?;
        let request = word_that_begins(&listed.output, "REQ-")?;
        let approve = ["--as", "gina", "request", "approve", &request];
        let named = ["--channel", "acme-support"];
        self.one(globex, &[&approve[..], &named].concat(), says(&["REQ-"]))?;
        let list = ["--as", "gina", "channel", "list"];
        self.until(globex, &list, says(&["acme-support", "open"]))?;
        let add = ["--as", "gina", "channel", "add", "acme-support", "gwen"];
        self.one(globex, &add, says(&["has gwen as a member"]))?;
        Ok(())
    }
}
