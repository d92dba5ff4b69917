//! `catch-up`: the link is cut, messages are missed, and the link comes back.

use std::thread;
use std::time::{Duration, Instant};

use foedus_daemon::store::EngineKind;

use super::{Run, stage};
use crate::bench::bounds::{IN_FLIGHT, LOOK_PAUSE, SETTING_MAX};
use crate::bench::failed::Failed;
use crate::bench::figure::{Figure, Target};
use crate::bench::stage::Stage;

/// The case's name.
pub const CASE: &str = "catch-up";

/// In one channel, then spread.
pub fn measure(run: &mut Run, engine: EngineKind) -> Result<(), Failed> {
    if !run.wants(CASE) {
        return Ok(());
    }
    let mut stage = stage(run, engine, false)?;
    for channels in [1, run.scale.channels] {
        stage.share(channels)?;
        miss(run, engine, &stage, channels)?;
    }
    Ok(())
}

fn miss(run: &mut Run, engine: EngineKind, stage: &Stage, channels: usize) -> Result<(), Failed> {
    let spread = match channels {
        1 => "one channel".to_owned(),
        many => format!("{many} channels"),
    };
    let followers = stage.follow(channels)?;
    let load = stage.load(channels)?;
    // Each channel is posted to, and all of it has arrived.
    stage.ledger.mark(false, false);
    stage
        .load
        .run(load.clone().post(run.scale.warm_up_messages, IN_FLIGHT))?;
    stage.settle()?;

    let networks = [&stage.two.acme.network, &stage.two.globex.network];
    let began = Instant::now();
    networks.iter().for_each(|network| network.cut());
    let before = stage.ledger.posted();
    stage.load.run(load.post_many(run.scale.missed_messages))?;
    let missed = stage.ledger.posted() - before;
    thread::sleep(run.scale.outage.saturating_sub(began.elapsed()));
    stage.ledger.mark(true, false);

    let connections = || {
        networks
            .iter()
            .map(|network| network.connections())
            .sum::<u64>()
    };
    let earlier = connections();
    let mended = Instant::now();
    networks.iter().for_each(|network| network.mend());
    while connections() == earlier {
        if mended.elapsed() > SETTING_MAX {
            return Err(Failed::Waited {
                what: "a connection after the outage",
                within: SETTING_MAX,
            });
        }
        thread::sleep(LOOK_PAUSE);
    }
    let connected = Instant::now();
    let last = stage.settle()?;
    let first = stage.ledger.first().ok_or(Failed::NoSample)?;
    drop(followers);

    let since = |at: Instant| at.saturating_duration_since(connected);
    let seconds = |time: Duration| time.as_secs_f64();
    let what = format!("{spread}, from the connection to the first");
    let begins = Figure::new(CASE, what, seconds(since(first)), "s").target(Target::AtMost(2.0));
    run.note(begins, engine);
    let rate = missed as f64 / seconds(since(last)).max(f64::MIN_POSITIVE);
    let figure = Figure::new(
        CASE,
        format!("{spread}, {missed} missed"),
        rate,
        "messages/s",
    );
    let figure = figure.target(Target::AtLeast(25_000.0));
    let bare = run.raw.engine(engine).bare.in_lists;
    let figure = figure
        .beside("a bare stream", run.raw.streamed)
        .beside("the engine alone, in lists", bare);
    run.note(figure, engine);
    let waited = seconds(connected.saturating_duration_since(mended));
    run.note(
        Figure::new(
            CASE,
            format!("{spread}, until somebody dialled"),
            waited,
            "s",
        ),
        engine,
    );
    Ok(())
}
