//! The story itself: what is typed, and what must come of it.

use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::bounds::DEMO_WAIT_MAX;
use crate::demo::screen::{Said, Screen};
use crate::demo::stage::{Ran, Side, Stage, ran};

/// From the request to the end of the project.
const ENDS: &str = "+24s";

/// Messages that are posted while a daemon is killed.
const LOAD_MESSAGES: usize = 4000;

/// Six words that are hardly those of any pairing.
const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo";

/// What the program exits with when what was given can't do.
const BAD_DATA: i32 = 65;

/// What the program exits with when a rule refused.
const REFUSED: i32 = 77;

/// Tells it from the beginning to the end.
pub fn tell(stage: &Stage, screen: &Screen, keep: bool) -> anyhow::Result<()> {
    let teller = Teller { stage, screen };
    screen.prose(
        "Acme and Globex work on a project together. Each runs a daemon of its own, foedusd, with keys and a disk of \
         its own; here both are on this machine. What follows is what their people type, and what the daemons answer; \
         long identifiers are shortened with … for this page.",
    );
    teller.begin()?;
    let invitation = teller.invite()?;
    let (request, words) = teller.accept(&invitation)?;
    teller.approve(&request, &words)?;
    teller.talk()?;
    teller.break_things()?;
    teller.end()?;
    if keep {
        teller.go_on()?;
    }
    Ok(())
}

/// What a command's output must be like.
#[derive(Debug, Clone, Copy)]
struct Claim<'a> {
    exit: i32,
    says: &'a [&'a str],
}

/// It succeeds and says all of this.
fn says<'a>(says: &'a [&'a str]) -> Claim<'a> {
    Claim { exit: 0, says }
}

/// A rule refuses it, and all of this is said.
fn refused<'a>(says: &'a [&'a str]) -> Claim<'a> {
    Claim {
        exit: REFUSED,
        says,
    }
}

impl Claim<'_> {
    fn check(&self, ran: &Ran) -> anyhow::Result<()> {
        let Said { command, output } = &ran.said;
        ensure!(
            ran.exit == self.exit,
            "`{command}` was expected to exit with {}, and exited with {}:\n{output}",
            self.exit,
            ran.exit
        );
        for text in self.says {
            ensure!(
                output.contains(text),
                "`{command}` was expected to say {text:?}, and said:\n{output}"
            );
        }
        Ok(())
    }
}

struct Teller<'a> {
    stage: &'a Stage,
    screen: &'a Screen,
}

impl Teller<'_> {
    /// Both organisations come into being.
    fn begin(&self) -> anyhow::Result<()> {
        self.screen.step(1, "Each organisation comes into being");
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let endpoints = [acme, globex].map(|side| side.advertised.to_string());
        self.both(
            &[
                "init",
                acme.handle,
                "--endpoint",
                &endpoints[0],
                "--administrator",
                "alice",
            ],
            says(&["acme.example has its identity."]),
            &[
                "init",
                globex.handle,
                "--endpoint",
                &endpoints[1],
                "--administrator",
                "gina",
            ],
            says(&["globex.example has its identity."]),
        )?;
        self.both(
            &["--as", "alice", "member", "add", "anna", "--name", "Anna"],
            says(&["anna@acme.example"]),
            &["--as", "gina", "member", "add", "gwen", "--name", "Gwen"],
            says(&["gwen@globex.example"]),
        )
    }

    /// A member asks, the administrator approves; the invitation.
    fn invite(&self) -> anyhow::Result<String> {
        self.screen.step(
            2,
            "Anna of Acme asks to share a channel with Globex; Alice, who administers, approves",
        );
        let acme = &self.stage.acme;
        self.one(
            acme,
            &[
                "--as",
                "anna",
                "channel",
                "create",
                "launch",
                "--topic",
                "What we launch",
            ],
            says(&["launch is open."]),
        )?;
        let share = [
            "--as",
            "anna",
            "channel",
            "share",
            "launch",
            "--with",
            "globex.example",
            "--project",
            "Launch",
            "--ends",
            ENDS,
        ];
        let asked = self.one(acme, &share, says(&["REQ-0001, waiting"]))?;
        let request = word_that_begins(&asked.output, "REQ-")?;
        let approved = self.one(
            acme,
            &["--as", "alice", "request", "approve", &request],
            says(&["foedus-invitation-v1."]),
        )?;
        word_that_begins(&approved.output, "foedus-invitation-v1.")
    }

    /// Globex accepts; nothing is shared yet. The request, and the six words.
    fn accept(&self, invitation: &str) -> anyhow::Result<(String, String)> {
        self.screen.step(
            3,
            "Globex accepts; both administrators must say yes, and compare six words first",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let accepted = self.one(
            globex,
            &["--as", "gina", "partner", "accept", invitation],
            says(&["The inviter has our reply.", "Six words:"]),
        )?;
        let request = word_that_begins(&accepted.output, "REQ-")?;
        let request = request.trim_end_matches(':').to_owned();
        let words = after(&accepted.output, "Six words:")?;
        self.both_until(
            &["--as", "alice", "partner", "show", globex.handle],
            says(&[&words]),
            &["--as", "gina", "partner", "show", acme.handle],
            says(&[&words]),
        )?;
        self.screen
            .holds("Both are shown the same six words, so nobody stands between them.");
        self.screen
            .prose("Wrong words are refused, and no flag skips them. Nothing is shared so far:");
        self.one(
            globex,
            &[
                "--as",
                "gina",
                "request",
                "approve",
                &request,
                "--words",
                OTHER_WORDS,
                "--channel",
                "acme-launch",
            ],
            refused(&["WORDS_DIFFER", "to do:"]),
        )?;
        self.one(
            acme,
            &["--as", "alice", "partner", "confirm", globex.handle],
            Claim {
                exit: BAD_DATA,
                says: &["WORDS_NEEDED", "to do:"],
            },
        )?;
        self.both(
            &["--as", "alice", "audit", "list", "--denied"],
            says(&["WORDS_NEEDED"]),
            &["--as", "gina", "audit", "list", "--denied"],
            says(&["WORDS_DIFFER"]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "channel", "list"],
            says(&["There are no channels."]),
        )?;
        Ok((request, words))
    }

    /// Both say yes; each calls the channel what it likes.
    fn approve(&self, request: &str, words: &str) -> anyhow::Result<()> {
        self.screen.step(
            4,
            "Both say yes. Globex calls the channel acme-launch; Acme never learns that name",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        self.both(
            &[
                "--as",
                "alice",
                "partner",
                "confirm",
                globex.handle,
                "--words",
                words,
            ],
            says(&["REQ-"]),
            &[
                "--as",
                "gina",
                "request",
                "approve",
                request,
                "--words",
                words,
                "--channel",
                "acme-launch",
            ],
            says(&["REQ-"]),
        )?;
        self.both_until(
            &["--as", "alice", "channel", "list"],
            says(&["launch", "open", "globex.example", "Launch"]),
            &["--as", "gina", "channel", "list"],
            says(&["acme-launch", "open", "acme.example", "Launch"]),
        )?;
        self.until(
            acme,
            &["--as", "alice", "partner", "list"],
            says(&["globex.example", "active", "up"]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "channel", "add", "acme-launch", "gwen"],
            says(&["has gwen as a member"]),
        )?;
        Ok(())
    }

    /// Members of both write.
    fn talk(&self) -> anyhow::Result<()> {
        self.screen.step(
            5,
            "Members of both write, correct themselves, take back and react",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let date = self.post(acme, "anna", "launch", "The date is the third.")?;
        let slip = self.post(globex, "gwen", "acme-launch", "Wrong window, sorry.")?;
        self.until(
            globex,
            &["--as", "gwen", "history", "acme-launch", "--refs"],
            says(&["The date is the third.", &date]),
        )?;
        self.one(
            acme,
            &[
                "--as",
                "anna",
                "edit",
                "launch",
                &date,
                "The date is the fourth.",
            ],
            says(&["The text is replaced."]),
        )?;
        self.one(
            globex,
            &["--as", "gwen", "retract", "acme-launch", &slip],
            says(&["The message is taken back."]),
        )?;
        self.one(
            globex,
            &["--as", "gwen", "react", "acme-launch", &date, "👍"],
            says(&["The reaction is given."]),
        )?;
        let seen = says(&[
            "The date is the fourth.",
            "(taken back)",
            "👍 gwen@globex.example",
        ]);
        self.both_until(
            &["--as", "anna", "history", "launch"],
            seen,
            &["--as", "gwen", "history", "acme-launch"],
            seen,
        )?;
        self.screen.holds(
            "One timeline at both, and every line says whose organisation its author is of.",
        );
        Ok(())
    }

    /// A daemon is killed under load, and the link is cut.
    fn break_things(&self) -> anyhow::Result<()> {
        self.screen.step(
            6,
            "Globex's daemon is killed while Gwen posts; the link is cut while Anna posts",
        );
        let globex = &self.stage.globex;
        let acknowledged = self.post_until_killed()?;
        self.stage.start(globex)?;
        self.screen.prose(
            "Started again. What had been acknowledged is there, and only once. Then the cable between the two is cut:",
        );
        self.stage.cut_cables();
        let offline = "Written while the link was down.";
        self.post(&self.stage.acme, "anna", "launch", offline)?;
        self.stage.mend_cables()?;
        let last = acknowledged.last().context("nothing was acknowledged")?;
        self.both_until(
            &["--as", "anna", "history", "launch", "--limit", "3"],
            says(&[offline]),
            &["--as", "gwen", "history", "acme-launch", "--limit", "3"],
            says(&[offline]),
        )?;
        let whole = ["--oldest", "--limit", "1000000"];
        let began = Instant::now();
        loop {
            let everything = |side: &Side, member, channel| {
                let arguments = [&["--as", member, "history", channel], &whole[..]].concat();
                side.run(&arguments)
            };
            let at_acme = everything(&self.stage.acme, "anna", "launch")?;
            let at_globex = everything(globex, "gwen", "acme-launch")?;
            let complete =
                [&at_acme, &at_globex].map(|ran| once_each(&ran.said.output, &acknowledged));
            if let [Ok(()), Ok(())] = complete {
                break;
            }
            for result in complete {
                if began.elapsed() > DEMO_WAIT_MAX {
                    result?;
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
        self.screen.holds(&format!(
            "All {} messages that were acknowledged before the kill, to {last:?}, are in the history of both, each once.",
            acknowledged.len()
        ));
        Ok(())
    }

    /// Posts until the daemon is killed under it; the texts that were acknowledged.
    fn post_until_killed(&self) -> anyhow::Result<Vec<String>> {
        let globex = &self.stage.globex;
        let arguments = ["--as", "gwen", "post", "acme-launch", "--lines"];
        let mut child = globex
            .foedus(&arguments)
            .stdin(Stdio::piped())
            .spawn()
            .context("foedus can't be started")?;
        let texts: Vec<String> = (1..=LOAD_MESSAGES)
            .map(|number| format!("Item {number:04}."))
            .collect();
        let mut input = child.stdin.take().context("no pipe")?;
        let lines = texts.clone();
        let writer = thread::spawn(move || {
            for (number, text) in lines.iter().enumerate() {
                // The daemon is killed on the way: nobody reads the rest.
                if writeln!(input, "{text}").is_err() {
                    return;
                }
                if number % 64 == 63 {
                    thread::sleep(Duration::from_millis(15));
                }
            }
        });
        let killing = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(400));
                self.stage.kill(globex);
            });
            child.wait_with_output()
        });
        let output = killing.context("foedus can't be waited for")?;
        // It only ends early if nobody reads, which is no fault.
        writer.join().ok();
        let mut ran = ran(&arguments, &output);
        let posted = ran
            .said
            .output
            .lines()
            .filter(|line| line.starts_with("Posted: "))
            .count();
        ensure!(
            0 < posted && posted < LOAD_MESSAGES && ran.exit != 0,
            "the daemon was to be killed while messages were posted, and {posted} of {LOAD_MESSAGES} were acknowledged"
        );
        // All lines but the last few look alike.
        let lines: Vec<&str> = ran.said.output.lines().collect();
        let shown = lines
            .iter()
            .position(|line| !line.starts_with("Posted: "))
            .unwrap_or(0);
        ran.said.output = lines[shown.saturating_sub(2)..].join("\n");
        ran.said.command = format!("{} < items.txt", ran.said.command);
        self.screen.one(globex.name, &ran.said);
        Ok(texts[..posted].to_vec())
    }

    /// The end passes while Globex is down.
    fn end(&self) -> anyhow::Result<()> {
        self.screen.step(
            7,
            "Globex's daemon is down when the project ends; each side stops by its own clock",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        self.stage.kill(globex);
        self.until(
            acme,
            &["--as", "alice", "channel", "list", "--all"],
            says(&["launch", "ended"]),
        )?;
        self.one(
            acme,
            &["--as", "anna", "post", "launch", "One more thing."],
            refused(&["CHANNEL_ENDED", "to do:"]),
        )?;
        self.screen
            .prose("Globex's daemon is started again, and knows by itself:");
        self.stage.start(globex)?;
        self.until(
            globex,
            &["--as", "gina", "channel", "list", "--all"],
            says(&["acme-launch", "ended"]),
        )?;
        self.one(
            globex,
            &["--as", "gwen", "post", "acme-launch", "One more thing."],
            refused(&["CHANNEL_ENDED", "to do:"]),
        )?;
        self.both(
            &["--as", "anna", "history", "launch", "--limit", "1"],
            says(&["Written while the link was down."]),
            &["--as", "gwen", "history", "acme-launch", "--limit", "1"],
            says(&["Written while the link was down."]),
        )?;
        self.both_until(
            &["--as", "alice", "project", "show", "Launch"],
            says(&["ended", "Difference: none. Everything arrived."]),
            &["--as", "gina", "project", "show", "Launch"],
            says(&["ended", "Difference: none. Everything arrived."]),
        )?;
        self.screen
            .holds("Both signed what they hold of each log, and hold the same. What was written stays readable.");
        Ok(())
    }

    /// With `--keep`: something to go on with.
    fn go_on(&self) -> anyhow::Result<()> {
        self.screen.step(
            8,
            "They are still partners: another channel, for thirty days",
        );
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        self.one(
            acme,
            &["--as", "anna", "channel", "create", "support"],
            says(&["support is open."]),
        )?;
        let share = [
            "--as",
            "anna",
            "channel",
            "share",
            "support",
            "--with",
            "globex.example",
            "--project",
            "Support",
            "--ends",
            "30d",
        ];
        let asked = self.one(acme, &share, says(&["REQ-"]))?;
        let request = word_that_begins(&asked.output, "REQ-")?;
        self.one(
            acme,
            &["--as", "alice", "request", "approve", &request],
            says(&["REQ-"]),
        )?;
        let listed = self.until(
            globex,
            &["--as", "gina", "request", "list"],
            says(&["join"]),
        )?;
        let request = word_that_begins(&listed.output, "REQ-")?;
        self.one(
            globex,
            &[
                "--as",
                "gina",
                "request",
                "approve",
                &request,
                "--channel",
                "acme-support",
            ],
            says(&["REQ-"]),
        )?;
        self.until(
            globex,
            &["--as", "gina", "channel", "list"],
            says(&["acme-support", "open"]),
        )?;
        self.one(
            globex,
            &["--as", "gina", "channel", "add", "acme-support", "gwen"],
            says(&["has gwen as a member"]),
        )?;
        Ok(())
    }

    fn post(&self, side: &Side, member: &str, channel: &str, text: &str) -> anyhow::Result<String> {
        let posted = self.one(
            side,
            &["--as", member, "post", channel, text],
            says(&["Posted: "]),
        )?;
        after(&posted.output, "Posted: ")
    }

    /// Runs one command, checks what it claims, and tells it.
    fn one(&self, side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Said> {
        let ran = side.run(arguments)?;
        self.screen.one(side.name, &ran.said);
        claim.check(&ran)?;
        Ok(ran.said)
    }

    /// As [`Self::one`], asked again until it is as claimed.
    fn until(&self, side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Said> {
        let ran = wait_for(side, arguments, claim)?;
        self.screen.one(side.name, &ran.said);
        claim.check(&ran)?;
        Ok(ran.said)
    }

    /// Asks both and tells it side by side.
    fn both(
        &self,
        left: &[&str],
        left_claim: Claim<'_>,
        right: &[&str],
        right_claim: Claim<'_>,
    ) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let (left, right) = (acme.run(left)?, globex.run(right)?);
        self.screen
            .both((acme.name, &left.said), (globex.name, &right.said));
        left_claim.check(&left)?;
        right_claim.check(&right)
    }

    /// As [`Self::both`], asked again until it is as claimed.
    fn both_until(
        &self,
        left: &[&str],
        left_claim: Claim<'_>,
        right: &[&str],
        right_claim: Claim<'_>,
    ) -> anyhow::Result<()> {
        wait_for(&self.stage.acme, left, left_claim)?;
        wait_for(&self.stage.globex, right, right_claim)?;
        self.both(left, left_claim, right, right_claim)
    }
}

/// Asks until it is as claimed, or too long; what was said last.
fn wait_for(side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Ran> {
    let began = Instant::now();
    loop {
        let ran = side.run(arguments)?;
        if claim.check(&ran).is_ok() || began.elapsed() > DEMO_WAIT_MAX {
            return Ok(ran);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Is each text there, and none twice?
fn once_each(history: &str, texts: &[String]) -> anyhow::Result<()> {
    for text in texts {
        let times = history.matches(text.as_str()).count();
        ensure!(
            times == 1,
            "{text:?} was acknowledged, and is in the history {times} times"
        );
    }
    Ok(())
}

/// The first word that begins with `prefix`.
fn word_that_begins(output: &str, prefix: &str) -> anyhow::Result<String> {
    let mut words = output.split([' ', '\n', ',']);
    let word = words.find(|word| word.starts_with(prefix));
    Ok(word
        .with_context(|| format!("nothing begins with {prefix} in:\n{output}"))?
        .to_owned())
}

/// What follows `prefix` on the first line that has it.
fn after(output: &str, prefix: &str) -> anyhow::Result<String> {
    let rest = output.lines().find_map(|line| line.split_once(prefix));
    let (_, rest) = rest.with_context(|| format!("nothing follows {prefix:?} in:\n{output}"))?;
    Ok(rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{after, once_each, word_that_begins};

    #[test]
    fn what_is_needed_later_is_found_in_what_was_said() {
        let output = "The request to share is REQ-0001, waiting.\nSix words:  a b c d e f\n";
        assert_eq!(
            word_that_begins(output, "REQ-").ok().as_deref(),
            Some("REQ-0001")
        );
        assert_eq!(
            after(output, "Six words:").ok().as_deref(),
            Some("a b c d e f")
        );
        assert!(word_that_begins(output, "inv_").is_err());
    }

    #[test]
    fn missing_and_repeated_messages_are_noticed() {
        let texts = ["Item 1.".to_owned(), "Item 2.".to_owned()];
        assert!(once_each("Item 1.\nItem 2.", &texts).is_ok());
        assert!(once_each("Item 1.", &texts).is_err());
        assert!(once_each("Item 1.\nItem 2.\nItem 1.", &texts).is_err());
    }
}
