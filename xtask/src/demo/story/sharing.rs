//! Act 4: both say yes, and each calls the channel what it likes.

use anyhow::ensure;

use crate::demo::claim::says;
use crate::demo::story::meeting::Accepted;
use crate::demo::story::{ACME_LAUNCH, LAUNCH};
use crate::demo::teller::Teller;

impl Teller<'_> {
    /// Both say yes, first Globex, then Acme; only then is there a link and a channel.
    pub fn approve(&self, accepted: &Accepted) -> anyhow::Result<()> {
        self.screen.step(
            4,
            "Both say yes. Globex calls the channel acme-launch; Acme never learns that name",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let words = accepted.words.as_str();
        let approve = ["--as", "gina", "request", "approve", &accepted.request];
        self.one(
            globex,
            &[&approve[..], &["--words", words, "--channel", ACME_LAUNCH]].concat(),
            says(&["REQ-"]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "partner", "list"],
            says(&["acme.example", "waiting for them"]).without(&[" up "]),
        )?;
        self.screen
            .holds("One yes is not enough: Globex waits for Acme, and there is no link yet.");
        let confirm = ["--as", "alice", "partner", "confirm", globex.handle];
        self.one(
            acme,
            &[&confirm[..], &["--words", words]].concat(),
            says(&["REQ-", "nothing to do"]).without(&["agrees to the charter"]),
        )?;
        self.both_until(
            &["--as", "alice", "partner", "list"],
            says(&["globex.example", "active", " up ", LAUNCH]),
            &["--as", "gina", "partner", "list"],
            says(&["acme.example", "active", " up ", ACME_LAUNCH]),
        )?;
        self.both_until(
            &["--as", "alice", "channel", "list"],
            says(&[LAUNCH, "open", "globex.example", "Launch"]).without(&[ACME_LAUNCH]),
            &["--as", "gina", "channel", "list"],
            says(&[ACME_LAUNCH, "open", "acme.example", "Launch"]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "channel", "add", ACME_LAUNCH, "gwen"],
            says(&["has gwen as a member"]),
        )?;
        self.search_for_the_local_name()
    }

    /// The name is in the files of Globex and nowhere in those of Acme, nor in anything that Acme's daemon says.
    pub fn search_for_the_local_name(&self) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        for arguments in [
            &["channel", "show", LAUNCH][..],
            &["channel", "list", "--all"],
            &["request", "list", "--all"],
            &["request", "show", "REQ-0001"],
            &["partner", "show", "globex.example"],
            &["project", "show", "Launch"],
            &["audit", "list"],
            &["status"],
        ] {
            let ran = acme.run(&[&["--output", "json", "--as", "alice"], arguments].concat())?;
            says(&[]).without(&[ACME_LAUNCH]).check(&ran)?;
        }
        // The search can find it: where it belongs it is found.
        let (there, _) = self.stage.files_holding(globex, ACME_LAUNCH)?;
        ensure!(!there.is_empty(), "{ACME_LAUNCH} is in no file of Globex");
        let (found, searched) = self.stage.files_holding(acme, ACME_LAUNCH)?;
        ensure!(found.is_empty(), "{ACME_LAUNCH} is at Acme: {found:?}");
        self.screen.holds(&format!(
            "\"{ACME_LAUNCH}\" is in none of the {} KiB that Acme stores and in nothing that its daemon says; \
             at Globex the same search finds it in {}.",
            searched / 1024,
            there.join(", ")
        ));
        Ok(())
    }
}
