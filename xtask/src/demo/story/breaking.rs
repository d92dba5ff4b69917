//! Act 6: a daemon is killed under load, the network is cut, the other daemon is killed: nothing that was acknowledged
//! is missing at either side, and nothing is there twice.

use anyhow::ensure;

use crate::bounds::DEMO_LOAD_MESSAGES;
use crate::demo::claim::{Claim, once_each, says};
use crate::demo::load::{Chance, Load, Tail};
use crate::demo::stage::Side;
use crate::demo::story::{ACME_LAUNCH, LAUNCH};
use crate::demo::teller::{Teller, eventually, json};

/// One who writes while things break.
struct Writing {
    acme: Load,
    globex: Load,
}

impl Teller<'_> {
    /// A daemon is killed under load, the link is cut, the other is killed.
    pub fn break_things(&self) -> anyhow::Result<()> {
        self.screen.step(
            6,
            "Each daemon is killed in turn (SIGKILL) and the network is cut, while both write and read",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let seed = std::process::id();
        let processes = &self.stage.processes;
        let tails = [
            Tail::start(processes, acme, "anna", LAUNCH, Chance::of(seed)),
            Tail::start(processes, globex, "gwen", ACME_LAUNCH, Chance::of(!seed)),
        ];
        let mut acknowledged = Vec::new();

        self.screen
            .prose("Anna and Gwen post as fast as they can. Globex's daemon is killed on the way:");
        self.kill_under_load(globex, "first", &mut acknowledged)?;
        self.screen.prose(
            "It is started again. Then the cable between the two is cut; both go on writing, and neither has what the other writes:",
        );
        self.cut_the_cable(&mut acknowledged)?;
        self.screen
            .prose("Anna and Gwen post again. This time Acme's daemon is killed:");
        self.kill_under_load(acme, "second", &mut acknowledged)?;
        self.screen
            .prose("It is started again. Both have everything, in the same order:");
        self.both_hold_everything(&acknowledged, &tails)
            .map_err(|error| error.context(format!("the tails were killed by seed {seed}")))?;
        for tail in tails {
            tail.finish()?;
        }
        Ok(())
    }

    /// Both write, and the daemon of `side` is killed and started again.
    fn kill_under_load(
        &self,
        side: &Side,
        round: &str,
        acknowledged: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let processes = &self.stage.processes;
        let prefix = |whose: &str| format!("{whose}-{round}");
        let writing = Writing {
            acme: Load::start(processes, acme, "anna", LAUNCH, &prefix("anna"))?,
            globex: Load::start(processes, globex, "gwen", ACME_LAUNCH, &prefix("gwen"))?,
        };
        writing.acme.goes_on(DEMO_LOAD_MESSAGES)?;
        writing.globex.goes_on(DEMO_LOAD_MESSAGES)?;
        self.stage.kill(side);
        let killed_acme = side.name == acme.name;
        // The other is not held up by it.
        let other = if killed_acme {
            &writing.globex
        } else {
            &writing.acme
        };
        other.goes_on(DEMO_LOAD_MESSAGES)?;
        self.stage.start(side)?;
        let (anna, annas) = writing.acme.finish()?;
        let (gwen, gwens) = writing.globex.finish()?;
        ensure!(
            (anna.exit == 0, gwen.exit == 0) == (!killed_acme, killed_acme),
            "who posts at {} was to be broken off, and nobody else: {} and {}",
            side.name,
            anna.exit,
            gwen.exit
        );
        acknowledged.extend(annas);
        acknowledged.extend(gwens);
        let whole: fn() -> Claim<'static> = || says(&["Posted: "]);
        let broken_off =
            |exit| crate::demo::claim::exits(exit, &["Posted: ", "messages that are posted"]);
        let (left, right) = if killed_acme {
            (broken_off(anna.exit), whole())
        } else {
            (whole(), broken_off(gwen.exit))
        };
        self.side_by_side(&anna, left, &gwen, right)
    }

    /// Both write while the cable is cut; what was written arrives when it is mended.
    fn cut_the_cable(&self, acknowledged: &mut Vec<String>) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        self.linked()?;
        self.stage.cut_cables();
        let down = says(&["active"]).without(&[" up "]);
        self.both_until(
            &["--as", "alice", "partner", "list"],
            down,
            &["--as", "gina", "partner", "list"],
            down,
        )?;
        let (ours, theirs) = (
            "Anna wrote this while the link was down.",
            "Gwen wrote this while the link was down.",
        );
        self.post(acme, "anna", LAUNCH, ours)?;
        self.post(globex, "gwen", ACME_LAUNCH, theirs)?;
        self.both(
            &["--as", "anna", "history", LAUNCH, "--limit", "1"],
            says(&[ours]),
            &["--as", "gwen", "history", ACME_LAUNCH, "--limit", "1"],
            says(&[theirs]),
        )?;
        self.stage.mend_cables()?;
        self.screen.prose("The cable is mended:");
        self.both_until(
            &["--as", "anna", "history", LAUNCH, "--limit", "2"],
            says(&[ours, theirs]),
            &["--as", "gwen", "history", ACME_LAUNCH, "--limit", "2"],
            says(&[ours, theirs]),
        )?;
        acknowledged.extend([ours.to_owned(), theirs.to_owned()]);
        Ok(())
    }

    /// Waits until the link is up at both.
    fn linked(&self) -> anyhow::Result<()> {
        for (side, administrator, partner) in [
            (&self.stage.acme, "alice", "globex.example"),
            (&self.stage.globex, "gina", "acme.example"),
        ] {
            eventually(|| {
                let shown = json(side, &["--as", administrator, "partner", "show", partner])?;
                ensure!(
                    shown["link_state"] == "up",
                    "no link with {partner}: {shown}"
                );
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What was acknowledged is in the history of both and was read by both, each once and in the same order.
    fn both_hold_everything(
        &self,
        acknowledged: &[String],
        tails: &[Tail; 2],
    ) -> anyhow::Result<()> {
        // What was acknowledged may be on its way still; then both tell one timeline of less.
        let held = eventually(|| {
            let told = self.one_timeline()?;
            once_each(told.texts(), acknowledged, "the history of both")?;
            Ok(told)
        })?;
        let limit = ["--limit", "3"];
        let held: Vec<&str> = held.texts().collect();
        let last: Vec<&str> = held.iter().rev().take(3).copied().collect();
        self.both(
            &[&["--as", "anna", "history", LAUNCH], &limit[..]].concat(),
            says(&last),
            &[&["--as", "gwen", "history", ACME_LAUNCH], &limit[..]].concat(),
            says(&last),
        )?;
        self.screen.holds(&format!(
            "All {} messages that were acknowledged are in the history of both, each once, in the same order.",
            acknowledged.len()
        ));
        let mut killed = Vec::new();
        for tail in tails {
            killed.push(eventually(|| {
                let (read, kills) = tail.read();
                let whose = format!("`{}`", tail.command);
                once_each(read.iter().map(String::as_str), acknowledged, &whose)?;
                ensure!(kills > 0, "{whose} was never killed");
                Ok(kills)
            })?);
        }
        self.screen.holds(&format!(
            "Two readers followed all along, `foedus tail launch` at Acme and `foedus tail acme-launch` at Globex. They \
             were killed {} and {} times at random points and went on where they were: each message came once.",
            killed[0], killed[1]
        ));
        Ok(())
    }
}
