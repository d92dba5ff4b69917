//! The story itself, act by act: what is typed, and what must come of it.

mod breaking;
mod ending;
mod going_on;
mod meeting;
mod sharing;
mod talking;

use std::time::Instant;

use crate::bounds::{DEMO_PACE_FACTOR, DEMO_PROJECT_MAX, DEMO_PROJECT_MIN};
use crate::demo::screen::Screen;
use crate::demo::stage::Stage;
use crate::demo::teller::Teller;

/// What Acme calls the channel.
pub const LAUNCH: &str = "launch";

/// What Globex calls it, which Acme never learns.
pub const ACME_LAUNCH: &str = "acme-launch";

/// Tells it from the beginning to the end. `began` is when the stage was set up.
pub fn tell(stage: &Stage, screen: &Screen, began: Instant) -> anyhow::Result<()> {
    let teller = Teller { stage, screen };
    screen.prose(
        "Acme and Globex work on a project together. Each runs a daemon of its own, foedusd, with keys and a disk of \
         its own; here both are on this machine. What follows is what their people type, and what the daemons answer. \
         Every answer is checked, and the first that is not as it should be ends the demo. Long identifiers are \
         shortened with … for this page.",
    );
    teller.begin()?;
    // A project has an end from its beginning. All that has to be told before it takes a multiple of what was told so
    // far, on a slow machine as on a fast one.
    let length = (began.elapsed() * DEMO_PACE_FACTOR).clamp(DEMO_PROJECT_MIN, DEMO_PROJECT_MAX);
    let invitation = teller.invite(&format!("+{}s", length.as_secs()))?;
    let accepted = teller.accept(&invitation)?;
    teller.refuse_without_words(&accepted)?;
    teller.approve(&accepted)?;
    teller.talk()?;
    teller.break_things()?;
    teller.end()
}

/// Tells it up to where both have the channel, which goes on until `ends`.
pub fn share(stage: &Stage, screen: &Screen, ends: &str) -> anyhow::Result<()> {
    let teller = Teller { stage, screen };
    teller.begin()?;
    let invitation = teller.invite(ends)?;
    let accepted = teller.accept(&invitation)?;
    teller.approve(&accepted)
}

/// Something to go on with, for those who want to play on.
pub fn go_on(stage: &Stage, screen: &Screen) -> anyhow::Result<()> {
    Teller { stage, screen }.go_on()
}
