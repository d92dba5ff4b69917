//! How a step is told: a command is run, what it says is shown, and it is checked against what the step claims.

use std::thread;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;

use crate::bounds::{DEMO_LOOK_PAUSE, DEMO_WAIT_MAX};
use crate::demo::claim::{Claim, after, says};
use crate::demo::screen::{Said, Screen};
use crate::demo::stage::{Ran, Side, Stage};

/// Who tells: what is played on, and where it is shown.
pub struct Teller<'a> {
    /// The two daemons.
    pub stage: &'a Stage,
    /// The page.
    pub screen: &'a Screen,
}

impl Teller<'_> {
    /// Runs one command, checks what it claims, and tells it.
    pub fn one(&self, side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Said> {
        let ran = side.run(arguments)?;
        self.screen.one(side.name, &ran.said);
        claim.check(&ran)?;
        Ok(ran.said)
    }

    /// As [`Self::one`], asked again until it is as claimed.
    pub fn until(&self, side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Said> {
        let ran = wait_for(side, arguments, claim)?;
        self.screen.one(side.name, &ran.said);
        claim.check(&ran)?;
        Ok(ran.said)
    }

    /// Asks both, Acme first, and tells it side by side.
    pub fn both(
        &self,
        left: &[&str],
        left_claim: Claim<'_>,
        right: &[&str],
        right_claim: Claim<'_>,
    ) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        let (left, right) = (acme.run(left)?, globex.run(right)?);
        self.side_by_side(&left, left_claim, &right, right_claim)
    }

    /// As [`Self::both`], asked again until it is as claimed.
    pub fn both_until(
        &self,
        left: &[&str],
        left_claim: Claim<'_>,
        right: &[&str],
        right_claim: Claim<'_>,
    ) -> anyhow::Result<()> {
        let left = wait_for(&self.stage.acme, left, left_claim)?;
        let right = wait_for(&self.stage.globex, right, right_claim)?;
        self.side_by_side(&left, left_claim, &right, right_claim)
    }

    /// Tells what was said at Acme and at Globex.
    pub fn side_by_side(
        &self,
        left: &Ran,
        left_claim: Claim<'_>,
        right: &Ran,
        right_claim: Claim<'_>,
    ) -> anyhow::Result<()> {
        let (acme, globex) = (&self.stage.acme, &self.stage.globex);
        self.screen
            .both((acme.name, &left.said), (globex.name, &right.said));
        left_claim.check(left)?;
        right_claim.check(right)
    }

    /// Posts one message; its reference.
    pub fn post(
        &self,
        side: &Side,
        member: &str,
        channel: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let posted = self.one(
            side,
            &["--as", member, "post", channel, text],
            says(&["Posted: "]),
        )?;
        after(&posted.output, "Posted: ")
    }
}

/// Asks until it is as claimed, or too long; what was said last.
pub fn wait_for(side: &Side, arguments: &[&str], claim: Claim<'_>) -> anyhow::Result<Ran> {
    let began = Instant::now();
    loop {
        let ran = side.run(arguments)?;
        if claim.check(&ran).is_ok() || began.elapsed() > DEMO_WAIT_MAX {
            return Ok(ran);
        }
        thread::sleep(DEMO_LOOK_PAUSE);
    }
}

/// Looks until `look` finds it right, or too long: then the demo has failed with what was wrong last.
pub fn eventually<T>(mut look: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(wrong) if began.elapsed() > DEMO_WAIT_MAX => return Err(wrong),
            Err(_) => thread::sleep(DEMO_LOOK_PAUSE),
        }
    }
}

/// What a command that must succeed tells programs.
pub fn json(side: &Side, arguments: &[&str]) -> anyhow::Result<Value> {
    let arguments = [&["--output", "json"], arguments].concat();
    let ran = side.run(&arguments)?;
    says(&[]).check(&ran)?;
    serde_json::from_str(&ran.said.output)
        .with_context(|| format!("`{}` gave no JSON", ran.said.command))
}
