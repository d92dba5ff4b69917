//! What the examples have to show: Python at Acme and TypeScript at Globex, one over TCP in the clear and one over TLS,
//! post and follow one shared channel, while each daemon is killed in turn.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::bounds::EXAMPLES_LOAD_MESSAGES;
use crate::demo::claim::{Claim, exits, refused, says};
use crate::demo::screen::Screen;
use crate::demo::stage::Stage;
use crate::demo::story::{self, ACME_LAUNCH, LAUNCH};
use crate::demo::teller::eventually;
use crate::examples::comparison::{JOINED, Posted, compare};
use crate::examples::follower::Follower;
use crate::examples::place::{Certificate, Place, Plan};
use crate::examples::set_up::Made;

/// A channel of each organisation that the members with a token are not in.
const OTHER: &str = "board";

/// What acts on a terminal and turns what follows, and how it is shown.
const HOSTILE: &str = "\u{1b}[2J\u{202e}Gr\u{fc}\u{df}e\u{7}";
const HOSTILE_SHOWN: &str = "\\u{1b}[2J\\u{202e}Gr\u{fc}\u{df}e\\u{7}";

/// What a follower notes when all that was there is printed, and when its stream broke.
const CAUGHT_UP: &str = "all that was there is printed";
const RESUMED: &str = "going on from the last cursor";

/// What a poster notes when a call broke.
const REPEATED: &str = "asking again with the same key";

/// Plays all of it.
pub fn play(stage: &Stage, screen: &Screen, made: &Made, maker: &Path) -> anyhow::Result<()> {
    story::share(stage, screen, "30d")?;
    let places = open(stage, made, maker)?;
    let mut play = Play {
        stage,
        screen,
        places: &places,
        posted: [Vec::new(), Vec::new()],
        followers: Vec::new(),
        printed: [Vec::new(), Vec::new()],
        resumed: [0, 0],
    };
    screen.step(
        5,
        "Python at Acme and TypeScript at Globex: refusals, keys, hostile text",
    );
    play.begin_to_follow()?;
    play.refusals()?;
    play.keys()?;
    play.hostile_text()?;
    screen.step(
        6,
        "Both post as fast as they can, and each daemon is killed in turn (SIGKILL)",
    );
    play.post_and_kill(1, "first")?;
    play.post_and_kill(0, "second")?;
    screen.step(
        7,
        "Both followers end, and go on from their cursors when more was written",
    );
    play.end_and_go_on()?;
    play.compare()
}

/// Both places: the API over TCP, at Globex with TLS.
fn open<'a>(stage: &'a Stage, made: &Made, maker: &Path) -> anyhow::Result<[Place<'a>; 2]> {
    let examples = made.folder.join("examples");
    let python = Plan {
        language: "Python",
        side: &stage.acme,
        channel: LAUNCH,
        administrator: "alice",
        member: "anna",
        name: "Anna",
        command: [
            made.python.join("python3"),
            examples.join("python/foedus_example.py"),
        ],
    };
    let typescript = Plan {
        language: "TypeScript",
        side: &stage.globex,
        channel: ACME_LAUNCH,
        administrator: "gina",
        member: "gwen",
        name: "Gwen",
        command: [
            "node".into(),
            examples.join("typescript/dist/foedus-example.js"),
        ],
    };
    for plan in [&python, &typescript] {
        let create = ["--as", plan.administrator, "channel", "create", OTHER];
        says(&["is open."]).check(&plan.side.run(&create)?)?;
    }
    let tls = Certificate {
        certificate: stage.globex.place("api.pem"),
        key: stage.globex.place("api.key"),
    };
    let mut make = Command::new(made.foreign.join("python3"));
    make.arg(maker).arg(&tls.certificate).arg(&tls.key);
    ensure!(make.status()?.success(), "no certificate could be made");
    Ok([
        Place::open(stage, python, None)?,
        Place::open(stage, typescript, Some(tls))?,
    ])
}

/// The play under way. What there are two of is in the order of the places.
struct Play<'a> {
    stage: &'a Stage,
    screen: &'a Screen,
    places: &'a [Place<'a>; 2],
    /// What was acknowledged, as it has to be printed.
    posted: [Vec<String>; 2],
    followers: Vec<Follower>,
    /// What followers that have ended printed.
    printed: [Vec<String>; 2],
    /// How often streams were taken up again.
    resumed: [usize; 2],
}

impl Play<'_> {
    fn begin_to_follow(&mut self) -> anyhow::Result<()> {
        for place in self.places {
            let follower = Follower::start(&self.stage.processes, place)?;
            follower.notes(CAUGHT_UP, 1)?;
            self.followers.push(follower);
        }
        Ok(())
    }

    /// Runs an example that posts these lines; its output.
    fn posts(
        &self,
        place: &Place<'_>,
        command: Command,
        arguments: &[&str],
        lines: &str,
        claim: Claim<'_>,
    ) -> anyhow::Result<String> {
        let ran = place.run(command, arguments, lines)?;
        self.screen.one(place.side.name, &ran.said);
        claim.check(&ran)?;
        Ok(ran.said.output)
    }

    /// Each names the rule, by a name that programs can rely on, and exits with what says that a rule refused.
    fn refusals(&self) -> anyhow::Result<()> {
        for place in self.places {
            let post = ["post", place.channel, "I may only read."];
            let claim = refused(&["reason: SCOPE_MISSING\n"]).without(&["Posted: "]);
            self.posts(place, place.example_that_reads(&post), &post, "", claim)?;
            let post = ["post", OTHER, "I am not in here."];
            let claim = refused(&["reason: NOT_IN_CHANNEL\n"]).without(&["Posted: "]);
            self.posts(place, place.example(&post), &post, "", claim)?;
        }
        Ok(())
    }

    /// The same with the same key is done once; another under it is refused.
    fn keys(&mut self) -> anyhow::Result<()> {
        for (at, place) in self.places.iter().enumerate() {
            let post = ["post", place.channel, "--key", "report"];
            let lines = "The first line.\nThe second line.\n";
            let claim = says(&["Posted: "]);
            let once = self.posts(place, place.example(&post), &post, lines, claim)?;
            let again = self.posts(place, place.example(&post), &post, lines, claim)?;
            ensure!(once == again, "under one key, {once:?} and then {again:?}");
            self.posted[at].extend(lines.lines().map(str::to_owned));
            let claim = refused(&["reason: IDEMPOTENCY_KEY_REUSED\n"]);
            self.posts(place, place.example(&post), &post, "Another line.\n", claim)?;
        }
        Ok(())
    }

    /// What acts on a terminal is posted as it is; that it is shown, and does not act, is found when all is compared.
    fn hostile_text(&mut self) -> anyhow::Result<()> {
        for (at, place) in self.places.iter().enumerate() {
            let post = ["post", place.channel, HOSTILE];
            let ran = place.run(place.example(&post), &["post", place.channel, "..."], "")?;
            exits(0, &["Posted: "]).check(&ran)?;
            self.posted[at].push(HOSTILE_SHOWN.to_owned());
        }
        Ok(())
    }

    /// Both post while the daemon of one is killed and started again. Nobody has to be told anything: whoever posts or
    /// follows there goes on by itself.
    fn post_and_kill(&mut self, killed: usize, round: &str) -> anyhow::Result<()> {
        let [python, typescript] = self.places;
        let processes = &self.stage.processes;
        let loads = [
            python.load(processes, &format!("Anna, {round}"))?,
            typescript.load(processes, &format!("Gwen, {round}"))?,
        ];
        for load in &loads {
            load.goes_on(EXAMPLES_LOAD_MESSAGES)?;
        }
        let resumed = self.followers[killed].noted(RESUMED);
        let side = self.places[killed].side;
        self.stage.kill(side);
        // The other is not held up by it, and this one notices.
        loads[1 - killed].goes_on(EXAMPLES_LOAD_MESSAGES)?;
        self.followers[killed].notes(RESUMED, resumed + 1)?;
        self.stage.start(side)?;
        for load in &loads {
            load.goes_on(EXAMPLES_LOAD_MESSAGES)?;
        }
        for (at, load) in loads.into_iter().enumerate() {
            let (ran, texts) = load.finish()?;
            self.screen.one(self.places[at].side.name, &ran.said);
            let wanted = ["Posted: ", REPEATED];
            let claim = match at == killed {
                true => says(&wanted),
                false => says(&wanted[..1]).without(&wanted[1..]),
            };
            claim.check(&ran)?;
            self.posted[at].extend(texts);
        }
        Ok(())
    }

    /// Waits until both followers have printed as much as was posted.
    fn all_is_printed(&self) -> anyhow::Result<()> {
        let wanted: usize = self.posted.iter().map(Vec::len).sum();
        for (place, (follower, before)) in self
            .places
            .iter()
            .zip(self.followers.iter().zip(&self.printed))
        {
            // Who joined is printed, too.
            let is_message = |line: &str| !line.ends_with(JOINED);
            eventually(|| {
                let found = before.iter().filter(|line| is_message(line)).count();
                let found = found + follower.printed(is_message);
                ensure!(
                    found >= wanted,
                    "{} printed {found} of {wanted} messages",
                    place.language
                );
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Ends both followers when they have printed everything; what they printed, and how often they took a stream up
    /// again, is kept.
    fn end_followers(&mut self) -> anyhow::Result<()> {
        let all = self.all_is_printed();
        let followers = std::mem::take(&mut self.followers);
        for (at, follower) in followers.into_iter().enumerate() {
            self.resumed[at] += follower.noted(RESUMED);
            self.printed[at].extend(follower.end()?);
        }
        // What is missing can be named; all that is known otherwise is how much.
        all.or_else(|missing| self.compare().and(Err(missing)))
    }

    /// What is written while nobody follows is printed by the next, and nothing else is.
    fn end_and_go_on(&mut self) -> anyhow::Result<()> {
        self.end_followers()?;
        let lines = "Written while nobody followed.\nAnd this.\n";
        for (at, place) in self.places.iter().enumerate() {
            let post = ["post", place.channel];
            self.posts(
                place,
                place.example(&post),
                &post,
                lines,
                says(&["Posted: "]),
            )?;
            self.posted[at].extend(lines.lines().map(str::to_owned));
        }
        self.begin_to_follow()?;
        self.end_followers()
    }

    /// Holds what each printed against what both posted.
    fn compare(&self) -> anyhow::Result<()> {
        for (place, printed) in self.places.iter().zip(&self.printed) {
            let authors = self.places.iter().map(|writer| writer.author(place.side));
            let posted: Posted = authors.zip(self.posted.iter().cloned()).collect();
            compare(printed, &posted)
                .map_err(|error| error.context(format!("the example in {}", place.language)))?;
        }
        let [anna, gwen] = self.posted.each_ref().map(Vec::len);
        let [python, typescript] = self.resumed;
        self.screen.holds(&format!(
            "{anna} messages from Python, {gwen} from TypeScript, each once at both; \
             streams taken up again: {python} and {typescript}"
        ));
        Ok(())
    }
}
